package io.usagekit.internal.flight;

/** What a call of a closed service throws; callers see an {@link IllegalStateException}. */
public final class ServiceClosedException extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    /** Names the service. */
    public ServiceClosedException() {
        super("this UsageService is closed");
    }
}
