package io.usagekit.events;

/**
 * Where events of a project are delivered to.
 *
 * @param id not blank, at most 255 octets in UTF-8, as are all of these
 * @param ownerId id of its owner; empty if it has none
 * @param name may be empty
 * @since 0.1
 */
public record Endpoint(String id, String projectId, String ownerId, String name) {

    /**
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public Endpoint {
        Bounds.id("id", id);
        Bounds.id("projectId", projectId);
        Bounds.word("ownerId", ownerId);
        Bounds.word("name", name);
    }
}
