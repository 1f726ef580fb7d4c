package io.usagekit.examples;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PartitionResult;
import io.usagekit.postgres.partitions.PostgresPartitions;
import org.postgresql.ds.PGSimpleDataSource;

/** Tables are partitioned while others use them, and made plain again. Argument: JDBC URL. */
public final class PartitionsMain {

    private PartitionsMain() {}

    /** Partitions the library's own tables by month, and undoes it. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        PartitionProgress progress = new PartitionProgress() {};
        // tag::quote
        PostgresPartitions partitions = PostgresPartitions.of(dataSource, TableMapping.usagekit());
        PartitionResult run = partitions.partition(PartitionInterval.MONTH, progress); // once; called again, it goes on
        System.out.println(run.copied() + " rows copied, " + run.longestLock() + " locked at most");

        partitions.createAhead(); // every so often, by a scheduler of yours
        partitions.status().events().partitions().forEach(System.out::println);

        partitions.unpartition(progress); // back to plain tables
        // end::quote
    }
}
