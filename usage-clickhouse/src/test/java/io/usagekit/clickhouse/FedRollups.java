package io.usagekit.clickhouse;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.InstantSource;
import java.util.List;
import javax.sql.DataSource;

/** Tables in a schema of PostgreSQL, with roll-ups and their feed. Statements name the schema {@code {s}}. */
record FedRollups(DataSource dataSource, String schema, PostgresRollups rollups, RollupFeed feed) {

    /**
     * Creates the tables from scratch.
     *
     * @param changes run once there are tables, before roll-ups are installed
     */
    static FedRollups install(DataSource dataSource, String schema, InstantSource clock, String... changes) {
        PostgresRollups rollups = PostgresRollups.builder(dataSource)
                .mapping(TableMapping.usagekit(schema))
                .clock(clock)
                .build();
        FedRollups installed = new FedRollups(dataSource, schema, rollups, rollups.feed());
        for (String suffix : List.of("", "_rollups", "_rollups_feed")) {
            installed.execute("drop schema if exists {s}" + suffix + " cascade");
        }
        PostgresUsage.install(dataSource, schema);
        installed.execute(changes);
        rollups.install();
        installed.feed().install();
        return installed;
    }

    void execute(String... statements) {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql.replace("{s}", schema));
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
