package io.usagekit.postgres.internal;

import java.util.Set;

/**
 * The texts of named statements. In production these are resource files ({@link SqlFiles}); a test hands in a source of its own to
 * run a statement with another text.
 */
public interface SqlSource {

    /** The names of the statements that are sent. */
    Set<String> statements();

    /** The names of the fragments that stand in statements. */
    Set<String> fragments();

    /**
     * The text of a statement or fragment: its header comment and its SQL.
     *
     * @throws IllegalStateException if there is neither a statement nor a fragment of this name
     */
    String text(String name);
}
