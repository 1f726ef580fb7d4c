package io.usagekit.format;

import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsageUnavailableException;
import io.usagekit.internal.flight.Causes;
import io.usagekit.internal.flight.ServiceClosedException;
import java.util.Objects;

/**
 * What a usage endpoint answers instead of a figure. {@link UsageResponseFormatter} has its JSON form.
 *
 * <table>
 * <caption>Errors by exception</caption>
 * <tr><th>exception</th><th>{@code code}</th><th>{@code httpStatus}</th></tr>
 * <tr><td>{@link IllegalArgumentException}</td><td>{@code invalid_request}</td><td>400</td></tr>
 * <tr><td>{@link UsageOverloadedException}</td><td>{@code overloaded}</td><td>503</td></tr>
 * <tr><td>{@link UsageUnavailableException}, the {@link IllegalStateException} of a closed service</td><td>{@code unavailable}</td>
 *     <td>503</td></tr>
 * <tr><td>{@link UsageCalculationException}</td><td>{@code calculation_failed}</td>
 *     <td>503; 500 if it isn't {@linkplain io.usagekit.UsageException#isTransient() transient}</td></tr>
 * <tr><td>{@link UsageCacheException}</td><td>{@code cache_unavailable}</td><td>503</td></tr>
 * <tr><td>{@link UsageInterruptedException}</td><td>{@code interrupted}</td><td>503</td></tr>
 * <tr><td>any other</td><td>{@code internal_error}</td><td>500</td></tr>
 * </table>
 *
 * @param code one of those above; for programs
 * @param message a sentence for people. That of an {@code invalid_request} is the exception's own, which names the argument, its value
 *     and the bound; all others are fixed, since exceptions name tables, servers and statements, which aren't a client's business:
 *     log the exception
 * @param httpStatus the HTTP status of the response
 * @since 0.1
 */
public record UsageError(String code, String message, int httpStatus) {

    private static final int BAD_REQUEST = 400;
    private static final int INTERNAL_SERVER_ERROR = 500;
    private static final int SERVICE_UNAVAILABLE = 503;

    /** Checks that code and message are there. */
    public UsageError {
        Objects.requireNonNull(code, "code");
        Objects.requireNonNull(message, "message");
    }

    /**
     * Returns the error of what a {@link io.usagekit.UsageService} or a factory of {@link io.usagekit.UsagePeriod} threw, or what a
     * stage completed with; a {@link java.util.concurrent.CompletionException} stands for its cause.
     */
    public static UsageError of(Throwable error) {
        Throwable cause = Causes.unwrap(error);
        if (cause instanceof IllegalArgumentException) {
            return new UsageError("invalid_request", String.valueOf(cause.getMessage()), BAD_REQUEST);
        } else if (cause instanceof UsageOverloadedException) {
            return unavailable("overloaded", "Too many usage figures are being computed; try again soon");
        } else if (cause instanceof UsageUnavailableException || cause instanceof ServiceClosedException) {
            return unavailable("unavailable", "The usage isn't available at present; try again later");
        } else if (cause instanceof UsageCalculationException failed) {
            return failed.isTransient()
                    ? unavailable("calculation_failed", "The usage can't be computed at present; try again later")
                    : new UsageError("calculation_failed", "The usage can't be computed", INTERNAL_SERVER_ERROR);
        } else if (cause instanceof UsageCacheException) {
            return unavailable("cache_unavailable", "The cached usage can't be changed at present; try again later");
        } else if (cause instanceof UsageInterruptedException) {
            return unavailable("interrupted", "The request was interrupted; try again");
        }
        return new UsageError("internal_error", "The usage can't be returned", INTERNAL_SERVER_ERROR);
    }

    private static UsageError unavailable(String code, String message) {
        return new UsageError(code, message, SERVICE_UNAVAILABLE);
    }
}
