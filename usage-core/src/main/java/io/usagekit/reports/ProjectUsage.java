package io.usagekit.reports;

import io.usagekit.UsageMetrics;

/**
 * Usage of one project in a window.
 *
 * @param projectId the project, as text
 * @param received as in {@link io.usagekit.OrganisationUsage}
 * @param sent as in {@link io.usagekit.OrganisationUsage}
 * @param unmeasured as in {@link io.usagekit.OrganisationUsage}
 * @since 0.1
 */
public record ProjectUsage(String projectId, UsageMetrics received, UsageMetrics sent, long unmeasured) {

    /** Usage of which all octets are known. */
    public ProjectUsage(String projectId, UsageMetrics received, UsageMetrics sent) {
        this(projectId, received, sent, 0);
    }
}
