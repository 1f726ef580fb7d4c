package io.usagekit.testkit;

import io.usagekit.events.Endpoint;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.Project;
import io.usagekit.events.Source;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** What events refer to: projects, and their endpoints and sources, whose ids each belong to one project. Not thread-safe. */
final class InMemoryReferences {

    private final Map<String, Project> projects = new HashMap<>();
    private final Map<String, Endpoint> endpoints = new HashMap<>();
    private final Map<String, Source> sources = new HashMap<>();

    void save(Project project) {
        projects.put(project.id(), project);
    }

    void save(Endpoint endpoint) {
        String failure = "the endpoint can't be saved";
        requireProject(failure, endpoint.projectId());
        requireFree(failure, endpoint.id(), endpoint(endpoint.id()).map(Endpoint::projectId), endpoint.projectId());
        endpoints.put(endpoint.id(), endpoint);
    }

    void save(Source source) {
        String failure = "the source can't be saved";
        requireProject(failure, source.projectId());
        requireFree(failure, source.id(), source(source.id()).map(Source::projectId), source.projectId());
        sources.put(source.id(), source);
    }

    /** Throws if there is no such project. */
    void requireProject(String failure, String projectId) {
        if (!projects.containsKey(projectId)) {
            throw new EventLedgerException(
                    failure + ": there is no project \"" + projectId + "\"; save it first", null);
        }
    }

    private static void requireFree(String failure, String id, Optional<String> owner, String projectId) {
        if (!owner.orElse(projectId).equals(projectId)) {
            throw new EventLedgerException(
                    failure + ": another project has the id \"" + id + "\"; save it under another one", null);
        }
    }

    /** The organisation of a project that is there. */
    String organisationId(String projectId) {
        return Objects.requireNonNull(projects.get(projectId)).organisationId();
    }

    Optional<Endpoint> endpoint(String id) {
        return Optional.ofNullable(endpoints.get(id));
    }

    Optional<Source> source(String id) {
        return Optional.ofNullable(sources.get(id));
    }
}
