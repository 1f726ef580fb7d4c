package io.usagekit.spring.test;

import org.springframework.test.context.TestContext;
import org.springframework.test.context.TestExecutionListener;

/** Resets the beans in memory after each test method, in contexts that have them. */
final class InMemoryUsageTestExecutionListener implements TestExecutionListener {

    InMemoryUsageTestExecutionListener() {}

    @Override
    public void afterTestMethod(TestContext test) {
        if (test.hasApplicationContext()) {
            test.getApplicationContext()
                    .getBeanProvider(InMemoryUsageReset.class)
                    .ifAvailable(InMemoryUsageReset::run);
        }
    }
}
