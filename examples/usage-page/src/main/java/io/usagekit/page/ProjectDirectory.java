package io.usagekit.page;

import java.util.List;

/** Source of the names of an organisation's projects. Thread-safe. */
@FunctionalInterface
public interface ProjectDirectory {

    /**
     * A project.
     *
     * @param id as in {@link io.usagekit.reports.ProjectUsage#projectId}
     * @param name blank if it has none: the page then shows the id
     * @param deleted whether it is soft-deleted
     */
    record Project(String id, String name, boolean deleted) {}

    /** Returns all projects of the organisation, the deleted ones included; empty if there is no such organisation. */
    List<Project> projects(String organisationId);
}
