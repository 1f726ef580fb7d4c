package io.usagekit.page;

import io.usagekit.reports.ProjectUsage;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The projects of an organisation, by their ids. */
final class Projects {

    private final Map<String, ProjectDirectory.Project> byId;

    Projects(ProjectDirectory directory, String organisationId) {
        this.byId = directory.projects(organisationId).stream()
                .collect(Collectors.toMap(ProjectDirectory.Project::id, Function.identity(), (one, other) -> one));
    }

    /** The project of that id; one that the directory doesn't have any more has no name. */
    ProjectDirectory.Project get(String id) {
        return byId.getOrDefault(id, new ProjectDirectory.Project(id, "", false));
    }

    /** What the project is called. */
    String label(String id) {
        String name = get(id).name();
        return name.isBlank() ? id : name;
    }

    /** How many are soft-deleted. */
    long deleted() {
        return byId.values().stream().filter(ProjectDirectory.Project::deleted).count();
    }

    /** How many soft-deleted ones are among those that have used something. */
    long deleted(Iterable<ProjectUsage> used) {
        long deleted = 0;
        for (ProjectUsage usage : used) {
            deleted += get(usage.projectId()).deleted() ? 1 : 0;
        }
        return deleted;
    }
}
