package io.usagekit.spring;

import org.jspecify.annotations.Nullable;

/**
 * Thrown while the application starts: a property has a wrong value, or what the properties ask for isn't there. Spring Boot prints its message
 * and what to do.
 *
 * @since 0.1
 */
public final class UsageConfigurationException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String action;

    /**
     * Creates it.
     *
     * @param message what is wrong: the property, its value and the bound
     * @param action what to do about it
     */
    public UsageConfigurationException(String message, String action) {
        this(message, action, null);
    }

    UsageConfigurationException(String message, String action, @Nullable Throwable cause) {
        super(message, cause);
        this.action = action;
    }

    /** Returns what to do about it. */
    public String action() {
        return action;
    }
}
