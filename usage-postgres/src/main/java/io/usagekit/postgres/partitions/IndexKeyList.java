package io.usagekit.postgres.partitions;

/** Edits the list of keys in the definition of an index or constraint, as PostgreSQL writes it. */
final class IndexKeyList {

    private IndexKeyList() {}

    /** Returns the definition with one more column, quoted, after the last key. */
    static String with(String definition, String column) {
        int end = end(definition);
        return definition.substring(0, end) + ", " + column + definition.substring(end);
    }

    /** Returns the definition without the last key, which must be this column. */
    static String without(String definition, String column) {
        int end = end(definition);
        String keys = definition.substring(0, end);
        if (!keys.endsWith(", " + column)) {
            throw new IllegalArgumentException("the last key must be " + column + ", but was \"" + definition + "\"");
        }
        return keys.substring(0, keys.length() - column.length() - 2) + definition.substring(end);
    }

    /** Returns the index of the parenthesis that closes the first one, those in names and strings apart. */
    private static int end(String definition) {
        int depth = 0;
        char quote = 0;
        for (int i = 0; i < definition.length(); i++) {
            char c = definition.charAt(i);
            if (quote != 0) {
                quote = c == quote ? 0 : quote;
            } else if (c == '"' || c == '\'') {
                quote = c;
            } else if (c == '(') {
                depth++;
            } else if (c == ')' && --depth == 0) {
                return i;
            }
        }
        throw new IllegalArgumentException("a list of keys must be in parentheses, but was \"" + definition + "\"");
    }
}
