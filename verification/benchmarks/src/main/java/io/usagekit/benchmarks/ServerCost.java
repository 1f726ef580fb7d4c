package io.usagekit.benchmarks;

import java.sql.SQLException;

/**
 * What the server did for a piece of work: all statements that clients sent to one database, by {@code pg_stat_statements}. What a
 * function of the server plans counts as execution of the statement that called it.
 *
 * @param planning milliseconds
 * @param execution milliseconds
 * @param buffers blocks found in shared buffers or read into them, those of planning included
 */
record ServerCost(double planning, double execution, double buffers) {

    private static final String OF_ALL_STATEMENTS =
            " from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = '%s'";

    /** Of work in that database; nothing else may happen there meanwhile. */
    static ServerCost of(BenchmarkDatabase server, String database, Timing.Work work) throws Exception {
        server.count("select count(*) from (select pg_stat_statements_reset()) reset");
        work.run();
        return new ServerCost(
                sum(server, database, "total_plan_time * 1e6") / 1e6,
                sum(server, database, "total_exec_time * 1e6") / 1e6,
                sum(server, database, "shared_blks_hit + shared_blks_read"));
    }

    private static double sum(BenchmarkDatabase server, String database, String value) throws SQLException {
        return server.count("select coalesce(sum(" + value + "), 0)::bigint" + OF_ALL_STATEMENTS.formatted(database));
    }

    /** Of one of that many. */
    ServerCost dividedBy(double units) {
        return new ServerCost(planning / units, execution / units, buffers / units);
    }

    double time() {
        return planning + execution;
    }
}
