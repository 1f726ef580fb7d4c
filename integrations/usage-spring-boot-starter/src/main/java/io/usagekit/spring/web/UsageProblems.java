package io.usagekit.spring.web;

import io.usagekit.UsageException;
import io.usagekit.format.UsageError;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;

/**
 * Answers a {@link UsageException} that a controller throws by a problem (RFC 9457) with the status and the sentence of {@link UsageError},
 * which names no table, server or statement; 503 has {@code Retry-After}. A handler of the host's takes precedence.
 *
 * @since 0.1
 */
@RestControllerAdvice
@Order(Ordered.LOWEST_PRECEDENCE)
public final class UsageProblems {

    private static final String SOON = "1";

    /** Creates it. */
    public UsageProblems() {}

    /** Returns the problem of an exception. */
    @ExceptionHandler(UsageException.class)
    public ResponseEntity<ProblemDetail> of(UsageException error) {
        return response(UsageError.of(error));
    }

    static ResponseEntity<ProblemDetail> response(UsageError error) {
        ProblemDetail problem =
                ProblemDetail.forStatusAndDetail(HttpStatusCode.valueOf(error.httpStatus()), error.message());
        problem.setProperty("error", error.code());
        ResponseEntity.BodyBuilder response =
                ResponseEntity.status(error.httpStatus()).cacheControl(CacheControl.noStore());
        if (error.httpStatus() == HttpStatus.SERVICE_UNAVAILABLE.value()) {
            response.header(HttpHeaders.RETRY_AFTER, SOON);
        }
        return response.body(problem);
    }
}
