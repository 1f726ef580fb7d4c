package io.usagekit.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code docs/privileges.md} grants to a role, for a schema and roles of the test's own.
 *
 * @param statements other than grants
 * @param grants each of one privilege on one object
 */
record PageGrants(List<String> statements, List<Grant> grants) {

    private static final Path PAGE = Path.of("../docs/privileges.md");
    private static final Pattern GRANT =
            Pattern.compile("grant ([a-z, ]+) on (schema |sequence |)([a-z_0-9., ]+) to ([a-z_0-9]+)");

    /** A privilege on an object. */
    record Grant(String privilege, String object, String role) {

        String grant() {
            return "grant " + privilege + " on " + object + " to " + role;
        }

        String revoke() {
            return "revoke " + privilege + " on " + object + " from " + role;
        }

        @Override
        public String toString() {
            return privilege + " on " + object;
        }
    }

    /** Reads what the page has below the heading of a role. */
    static PageGrants of(String role, String schema, String ownRole) throws IOException {
        Matcher section = Pattern.compile(
                        "^### " + role + "\\n.*?```sql\\n(.*?)```", Pattern.MULTILINE | Pattern.DOTALL)
                .matcher(Files.readString(PAGE));
        if (!section.find()) {
            throw new AssertionError(PAGE + " has no SQL below the heading " + role);
        }
        List<String> statements = new ArrayList<>();
        List<Grant> grants = new ArrayList<>();
        for (String statement : section.group(1).split(";\\s*", -1)) {
            String line = statement
                    .replaceAll("\\s+", " ")
                    .strip()
                    .replace(role, ownRole)
                    .replaceAll("\\busagekit(_rollups|_partitions|_cache|)\\b", schema + "$1");
            Matcher grant = GRANT.matcher(line);
            if (grant.matches()) {
                for (String privilege : grant.group(1).split(", ", -1)) {
                    for (String object : grant.group(3).split(", ", -1)) {
                        grants.add(new Grant(privilege, grant.group(2) + object, grant.group(4)));
                    }
                }
            } else if (!line.isEmpty()) {
                statements.add(line);
            }
        }
        return new PageGrants(statements, grants);
    }
}
