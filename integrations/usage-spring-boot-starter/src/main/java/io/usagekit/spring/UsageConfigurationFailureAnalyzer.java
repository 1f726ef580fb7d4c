package io.usagekit.spring;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Prints a {@link UsageConfigurationException} without its stack trace. */
final class UsageConfigurationFailureAnalyzer extends AbstractFailureAnalyzer<UsageConfigurationException> {

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, UsageConfigurationException cause) {
        return new FailureAnalysis(cause.getMessage(), cause.action(), cause);
    }
}
