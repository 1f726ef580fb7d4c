package io.usagekit.spring.web;

import io.usagekit.UsageResult;
import io.usagekit.format.CacheHeaders;
import io.usagekit.format.UsageResponseFormatter;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;

/**
 * Makes HTTP responses of results, for the host's own controllers: the body of a {@link UsageResponseFormatter}, the headers of
 * {@link CacheHeaders}, 304 where the client has the figure already. Thread-safe.
 *
 * @since 0.1
 */
public final class UsageResponses {

    private static final String SOON = "1";

    private final UsageResponseFormatter formatter;
    private final HttpStatus pending;

    /**
     * Creates it.
     *
     * @param formatter prints bodies
     * @param pending the status of a result that is pending: 200 or 202
     */
    public UsageResponses(UsageResponseFormatter formatter, HttpStatus pending) {
        this.formatter = formatter;
        this.pending = pending;
    }

    /**
     * Returns the response of a result. A pending one has {@code Retry-After} as well.
     *
     * @param ifNoneMatch the request's header {@code If-None-Match}; null if it has none
     */
    public ResponseEntity<String> of(UsageResult result, @Nullable String ifNoneMatch) {
        CacheHeaders cache = CacheHeaders.of(result);
        HttpHeaders headers = new HttpHeaders();
        cache.toMap().forEach(headers::set);
        if (ifNoneMatch != null && cache.isNotModified(ifNoneMatch)) {
            return ResponseEntity.status(HttpStatus.NOT_MODIFIED)
                    .headers(headers)
                    .build();
        }
        if (result.isPending()) {
            headers.set(HttpHeaders.RETRY_AFTER, SOON);
        }
        return ResponseEntity.status(result.isPending() ? pending : HttpStatus.OK)
                .headers(headers)
                .contentType(MediaType.APPLICATION_JSON)
                .body(formatter.toJson(result));
    }
}
