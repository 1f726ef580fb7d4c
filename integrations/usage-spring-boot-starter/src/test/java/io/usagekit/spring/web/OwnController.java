package io.usagekit.spring.web;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import java.security.Principal;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/** A host's own controller: the caller's name is that of its organisation. */
// tag::quote
@RestController
record OwnController(UsageService usage, UsageResponses responses) {

    @GetMapping("/my-usage/{period}")
    ResponseEntity<String> mine(
            Principal caller,
            @PathVariable("period") String period,
            @RequestHeader(name = "If-None-Match", required = false) @Nullable String tag) {
        return responses.of(usage.get(caller.getName(), UsagePeriod.parse(period)), tag);
    }
}
// end::quote
