package io.usagekit.events;

/**
 * Where events of a project come from.
 *
 * @param id not blank, at most 255 octets in UTF-8, as are all of these
 * @param name may be empty
 * @param type what kind of source it is, in the host's words; may be empty
 * @since 0.1
 */
public record Source(String id, String projectId, String name, String type) {

    /**
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public Source {
        Bounds.id("id", id);
        Bounds.id("projectId", projectId);
        Bounds.word("name", name);
        Bounds.word("type", type);
    }
}
