package io.usagekit.spring.web;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import java.security.Principal;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/** A controller that holds no thread while a figure is computed. */
// tag::quote
@RestController
record ReactiveController(UsageService usage, UsageResponses responses) {

    @GetMapping("/my-usage/{period}")
    CompletionStage<ResponseEntity<String>> mine(
            Principal caller,
            @PathVariable("period") String period,
            @RequestHeader(name = "If-None-Match", required = false) @Nullable String tag) {
        return usage.getAsync(caller.getName(), UsagePeriod.parse(period))
                .thenApply(result -> responses.of(result, tag));
    }
}
// end::quote
