package io.usagekit.spring.test.billing;

import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** A host's endpoint that makes a bill of a figure. */
// tag::quote
@RestController
record BillingController(UsageService usage) {

    record Bill(long cents, boolean closed) {}

    /** Two cents for each thousand events of a month; 202 while its figure isn't known. */
    @GetMapping("/bills/{organisation}/{month}")
    ResponseEntity<Bill> bill(@PathVariable("organisation") String organisation, @PathVariable("month") String month) {
        return usage.get(organisation, UsagePeriod.parse(month))
                .usage()
                .map(figure -> new Bill(figure.received().volume() / 1_000 * 2, figure.isPeriodOver()))
                .map(ResponseEntity::ok)
                .orElseGet(() -> ResponseEntity.accepted().build());
    }
}
// end::quote
