package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;

/** Why a context didn't start. */
final class Failures {

    private Failures() {}

    /** Returns the exception that Spring Boot prints, once it is analyzed and says what to do. */
    static UsageConfigurationException of(AssertableApplicationContext context) {
        assertThat(context).hasFailed();
        Throwable failure = context.getStartupFailure();
        List<UsageConfigurationException> found = new ArrayList<>();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof UsageConfigurationException wrong) {
                found.add(wrong);
            }
        }
        assertThat(found).as("%s", failure).hasSize(1);
        FailureAnalysis analysis = new UsageConfigurationFailureAnalyzer().analyze(failure);
        assertThat(analysis.getDescription()).isEqualTo(found.get(0).getMessage());
        assertThat(analysis.getAction()).isNotBlank();
        return found.get(0);
    }
}
