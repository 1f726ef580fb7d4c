package io.usagekit.postgres.rollups.spi;

import java.util.Objects;
import java.util.Optional;

/**
 * Whose project a project is. Of the rows that a store has of a project, the one with the highest version counts.
 *
 * @param projectId the project's id, as text
 * @param organisationId its organisation's id, as text; empty if the projects don't have it any more, or it belongs to none
 * @param counts whether its usage is part of its organisation's figure: not if it is soft-deleted, unless roll-ups count those
 * @param isMissing whether the projects don't have it any more, and retention has kept sums of it: there is no figure of its organisation, which
 *     is the one that it belonged to, of a time with such sums
 * @since 0.1
 */
public record CellProject(String projectId, Optional<String> organisationId, boolean counts, boolean isMissing) {

    /** A project that isn't missing. */
    public CellProject(String projectId, Optional<String> organisationId, boolean counts) {
        this(projectId, organisationId, counts, false);
    }

    /** Checks for null. */
    public CellProject {
        Objects.requireNonNull(projectId, "projectId");
        Objects.requireNonNull(organisationId, "organisationId");
    }
}
