package io.usagekit.events;

import io.usagekit.UsageKey;

/**
 * A project of an organisation, to which events belong.
 *
 * @param id not blank, at most 255 octets in UTF-8
 * @param organisationId within the bounds of {@link UsageKey}
 * @param name at most 255 octets; may be empty
 * @since 0.1
 */
public record Project(String id, String organisationId, String name) {

    /**
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public Project {
        Bounds.id("id", id);
        UsageKey.checkOrganisationId(organisationId);
        Bounds.word("name", name);
    }
}
