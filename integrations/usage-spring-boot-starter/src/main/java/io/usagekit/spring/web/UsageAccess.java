package io.usagekit.spring.web;

import java.security.Principal;
import org.jspecify.annotations.Nullable;

/**
 * Says who may read which organisation's usage through the controller of {@code usagekit.web.enabled}. The host supplies a bean of this
 * type; there is none by default, and the controller doesn't start without one.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface UsageAccess {

    /**
     * Returns whether a caller may read an organisation's usage; if not, the response is 403. Thread-safe.
     *
     * @param caller the request's principal, with Spring Security its {@code Authentication}; null if the request has none
     * @param organisationId as in the request's path, not checked yet
     */
    boolean mayRead(@Nullable Principal caller, String organisationId);
}
