package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.reflect.Proxy;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** What the builder accepts, and which statements it prints. */
class ClickHouseUsageTest {

    /** Nothing connects. */
    private static final DataSource NONE = (DataSource) Proxy.newProxyInstance(
            ClickHouseUsageTest.class.getClassLoader(),
            new Class<?>[] {DataSource.class},
            (proxy, method, arguments) -> {
                throw new AssertionError(method);
            });

    @Test
    void printsTablesOfOneServerWithComments() {
        assertThat(ClickHouseUsage.builder(NONE).build().ddl())
                .startsWith("create database if not exists `usagekit`;\n\n-- What projects used")
                .contains(
                        "engine = MergeTree\npartition by",
                        "Distributed(`default`, `usagekit`, cell_local, cityHash64(project))")
                .endsWith("watermark_local);\n")
                .doesNotContain("{", "on cluster");
    }

    @Test
    void printsReplicatedTablesOnTheWholeCluster() {
        String engine = "ReplicatedMergeTree('/clickhouse/tables/{shard}/{table}', '{replica}')";

        String ddl = ClickHouseUsage.builder(NONE)
                .database("us`age")
                .cluster("main cluster")
                .engine(engine)
                .onCluster()
                .build()
                .ddl();

        assertThat(ddl)
                .contains(
                        "create database if not exists `us\\`age` on cluster `main cluster`;",
                        "create table if not exists `us\\`age`.cell_local on cluster `main cluster` (",
                        "engine = " + engine);
        assertThat(ddl.split(" on cluster ")).hasSize(10);
    }

    @Test
    void rejectsWhatIsOutOfBounds() {
        ClickHouseUsage.Builder builder = ClickHouseUsage.builder(NONE);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.engine("Log"))
                .withMessage("engine must be MergeTree or ReplicatedMergeTree with its arguments, but was Log");
        assertThatIllegalArgumentException().isThrownBy(() -> builder.engine("MergeTree(); drop table x"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.database(" "))
                .withMessage("database must not be blank");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.timeout(Duration.ofMillis(999)))
                .withMessage("timeout must be between PT1S and PT24H, but was PT0.999S");
    }
}
