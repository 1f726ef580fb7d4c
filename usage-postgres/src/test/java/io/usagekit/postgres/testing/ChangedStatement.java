package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.SqlSource;
import java.util.Set;

/**
 * A source in which one statement or fragment has another text: what tests run to see that a flaw in it is noticed.
 *
 * @param source all other texts
 * @param name the statement or fragment
 * @param before what stands in it
 * @param after what stands there instead
 */
public record ChangedStatement(SqlSource source, String name, String before, String after) implements SqlSource {

    public ChangedStatement {
        if (!source.text(name).contains(before)) {
            throw new IllegalArgumentException("\"" + name + "\" doesn't contain \"" + before + "\"");
        }
    }

    @Override
    public Set<String> statements() {
        return source.statements();
    }

    @Override
    public Set<String> fragments() {
        return source.fragments();
    }

    @Override
    public String text(String entry) {
        return entry.equals(name) ? source.text(name).replace(before, after) : source.text(entry);
    }
}
