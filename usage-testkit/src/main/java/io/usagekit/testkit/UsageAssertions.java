package io.usagekit.testkit;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageResult;
import org.jspecify.annotations.Nullable;

/**
 * AssertJ assertions for figures and results. A test imports {@link #assertThat(UsageResult)} beside AssertJ's own {@code assertThat}; the
 * test kit doesn't bring AssertJ along.
 *
 * <pre>{@code
 * assertThat(usage.get("org-123", march)).isFresh().hasReceived(100, 1_024).hasSent(50, 512);
 * }</pre>
 *
 * @since 0.1
 */
public final class UsageAssertions {

    private UsageAssertions() {}

    /** Begins assertions about a result. */
    public static UsageResultAssert assertThat(@Nullable UsageResult actual) {
        return new UsageResultAssert(actual);
    }

    /** Begins assertions about a figure. */
    public static OrganisationUsageAssert assertThat(@Nullable OrganisationUsage actual) {
        return new OrganisationUsageAssert(actual);
    }
}
