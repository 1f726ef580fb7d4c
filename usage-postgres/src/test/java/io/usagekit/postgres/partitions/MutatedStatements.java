package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.SqlSource;
import java.util.Set;

/** The statements of rewrites, with a mistake in one of them. */
record MutatedStatements(String statement, String right, String wrong) implements SqlSource {

    /** Leaves the snapshot check of writers out: its trigger fires on TRUNCATE only. */
    static final SqlSource WITHOUT_SNAPSHOT_CHECK =
            new MutatedStatements("check-snapshots", "before insert or update or delete on", "before truncate on");

    /** Leaves the wait for older snapshots out: none is found. */
    static final SqlSource WITHOUT_SNAPSHOT_WAIT = new MutatedStatements(
            "list-snapshots", "where a.datname = current_database()", "where false and a.datname = current_database()");

    /** Logs no updates. */
    static final SqlSource WITHOUT_UPDATES_IN_CHANGE_LOG =
            new MutatedStatements("create-change-log", "insert or update or delete on", "insert or delete on");

    MutatedStatements {
        if (!RewriteSql.FILES.text(statement).contains(right)) {
            throw new IllegalArgumentException(statement + " doesn't contain \"" + right + "\"");
        }
    }

    @Override
    public Set<String> statements() {
        return RewriteSql.FILES.statements();
    }

    @Override
    public Set<String> fragments() {
        return RewriteSql.FILES.fragments();
    }

    @Override
    public String text(String name) {
        String text = RewriteSql.FILES.text(name);
        return name.equals(statement) ? text.replace(right, wrong) : text;
    }
}
