package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.testing.ChangedStatement;

/** The roll-ups' statements without one of their guards, for negative controls. */
final class WeakenedStatements {

    /** Takes a replaced function for the installed one, so that its mistake isn't noticed by its definition; {@code {r}} is the schema. */
    static final String RECORD_FUNCTIONS = """
            update {r}.host_table h
            set definition = {r}.describe(h.relation, h.columns), catalog_rows = n.catalog_rows
            from {r}.host_table_now n
            where n.role = h.role
            """;

    /** Marks the hours of those deliveries of a changed event that its transaction sees, instead of logging the event. */
    static final String MARK_INSTEAD_OF_LOG = """
            create or replace function {r}.log_event(event_id varchar) returns boolean
            language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
            begin
                insert into {r}.mark (project_id, bucket)
                select d.project_id, date_trunc('hour', d.created_at, 'UTC')
                from {s}.event_deliveries d where d.event_id = log_event.event_id;
                return true;
            end $$
            """;

    /** A transaction writes no mark of an hour that it sees another one's mark of. */
    static final String[] SHARED_MARKS = {
        """
            create function {r}.share_mark() returns trigger language plpgsql as $$
            begin
                if exists (select from {r}.mark m where m.project_id = new.project_id and m.bucket = new.bucket) then
                    return null;
                end if;
                return new;
            end $$
            """, "create trigger share before insert on {r}.mark for each row execute function {r}.share_mark()"
    };

    private WeakenedStatements() {}

    /** The worker doesn't wait for transactions that write to the tables. */
    static SqlSource withoutWaitForWriters() {
        return changed("writers", "and l.granted", "and false");
    }

    /** The worker waits for transactions that write to the tables, but not for prepared ones, which have no process. */
    static SqlSource withoutWaitForPrepared() {
        return changed("writers", "and l.granted", "and l.granted and l.pid is not null");
    }

    /** Retention doesn't lock events whose deliveries it deletes. */
    static SqlSource withoutLockOnEvents() {
        return changed("delete-deliveries", "for share", "");
    }

    static SqlSource changed(String statement, String before, String after) {
        return new ChangedStatement(RollupSql.SOURCE, statement, before, after);
    }
}
