package io.usagekit.page;

import io.usagekit.OrganisationUsage;
import io.usagekit.reports.ProjectUsage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The rows of a statement, which add up to its total.
 *
 * @param usage the total
 * @param rows one for each project that has used something, the largest first; then, where the total was computed at another moment than
 *     the projects, what makes the difference
 */
record Statement(OrganisationUsage usage, List<Row> rows) {

    /** What the row is called that makes the difference. */
    static final String CHANGES = "Changes since the figure was computed";

    /**
     * A row.
     *
     * @param project empty id and name {@link #CHANGES} for the difference, whose numbers may be negative
     */
    record Row(ProjectDirectory.Project project, Metric received, Metric sent) {

        boolean isChanges() {
            return project.id().isEmpty();
        }
    }

    static Statement of(OrganisationUsage usage, Details details) {
        List<Row> rows = new ArrayList<>();
        details.projects().stream()
                .sorted(Comparator.comparingLong(
                                (ProjectUsage project) -> project.received().bytes())
                        .thenComparingLong(project -> project.received().volume())
                        .thenComparingLong(project -> project.sent().volume())
                        .reversed()
                        .thenComparing(ProjectUsage::projectId))
                .map(project -> new Row(
                        details.names().get(project.projectId()),
                        Metric.of(project.received()),
                        Metric.of(project.sent())))
                .forEach(rows::add);
        Metric received = Metric.difference(usage.received(), details.received());
        Metric sent = Metric.difference(usage.sent(), details.sent());
        if (!received.isZero() || !sent.isZero()) {
            rows.add(new Row(new ProjectDirectory.Project("", CHANGES, false), received, sent));
        }
        return new Statement(usage, rows);
    }
}
