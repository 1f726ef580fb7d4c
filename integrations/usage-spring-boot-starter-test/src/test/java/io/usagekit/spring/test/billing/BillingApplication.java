package io.usagekit.spring.test.billing;

import org.springframework.boot.autoconfigure.SpringBootApplication;

/** The host. */
@SpringBootApplication
class BillingApplication {}
