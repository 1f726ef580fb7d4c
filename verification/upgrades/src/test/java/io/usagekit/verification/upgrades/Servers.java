package io.usagekit.verification.upgrades;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Function;
import javax.sql.DataSource;

/** One PostgreSQL and one Redis for all suites. They end with the JVM. */
final class Servers {

    private static final PostgresServer POSTGRES = PostgresServer.start();
    private static final RedisServer REDIS = RedisServer.start();

    private Servers() {}

    static String redisUrl() {
        return REDIS.url();
    }

    static DataSource dataSource() {
        return POSTGRES.dataSource();
    }

    /** Runs commands as a bystander. */
    static <T> T redis(Function<RedisCommands<String, String>, T> commands) {
        try (RedisClient client = RedisClient.create(redisUrl());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return commands.apply(connection.sync());
        }
    }

    static void clearRedis() {
        redis(RedisCommands::flushall);
    }

    /** Drops a schema with the roll-ups beside it, so that a suite can create it. */
    static String without(String schema) {
        sql("drop schema if exists " + schema + "_rollups cascade");
        sql("drop schema if exists " + schema + "_partitions cascade");
        sql("drop schema if exists " + schema + " cascade");
        return schema;
    }

    static void sql(String statement) {
        try (Connection connection = dataSource().getConnection();
                Statement call = connection.createStatement()) {
            call.execute(statement);
        } catch (SQLException e) {
            throw new AssertionError(statement, e);
        }
    }

    /** Returns the first row's columns as numbers. */
    static long[] numbers(String query) {
        try (Connection connection = dataSource().getConnection();
                Statement call = connection.createStatement();
                ResultSet rows = call.executeQuery(query)) {
            if (!rows.next()) {
                throw new AssertionError("no row: " + query);
            }
            long[] numbers = new long[rows.getMetaData().getColumnCount()];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = rows.getLong(i + 1);
            }
            return numbers;
        } catch (SQLException e) {
            throw new AssertionError(query, e);
        }
    }
}
