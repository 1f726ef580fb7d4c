package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A table, or one of its partitions, with the partitions below it.
 *
 * @param schema not quoted
 * @param name not quoted
 * @param key by which it is partitioned; empty if it isn't
 * @param bound as PostgreSQL prints it; empty for the table itself
 * @param rows as estimated, -1 if never analysed
 * @param bytes with indexes and TOAST, partitions included
 * @param partitions in the order of their times or names, the default one last
 */
record PartitionTree(
        String schema,
        String name,
        Optional<Key> key,
        Optional<String> bound,
        long rows,
        long bytes,
        List<PartitionTree> partitions) {

    /**
     * The key of a partitioned table.
     *
     * @param definition as PostgreSQL prints it, e.g. {@code RANGE (created_at)}
     * @param prefix the columns before the time, quoted
     * @param endsWithTime whether it is a range of columns, of which the last one is the time
     */
    record Key(String definition, List<String> prefix, boolean endsWithTime) {}

    private static final String DEFAULT = "DEFAULT";

    /** A row of the catalog. */
    private record Node(String id, Optional<String> parent, PartitionTree alone) {

        private static Node of(SqlRow row) throws SQLException {
            Optional<String> definition = row.optionalText("key");
            Optional<Key> key = definition.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new Key(definition.get(), row.texts("prefix"), row.flag("ends_with_time")));
            return new Node(
                    row.text("id"),
                    row.optionalText("parent"),
                    new PartitionTree(
                            row.text("schema"),
                            row.text("name"),
                            key,
                            row.optionalText("bound"),
                            row.number("rows"),
                            row.number("bytes"),
                            List.of()));
        }
    }

    /** Reads a table with all its partitions; empty if it doesn't exist. */
    static Optional<PartitionTree> read(Connection connection, RewriteSql sql, String table) throws SQLException {
        List<Node> nodes = sql.call(connection, "partition-tree")
                .text("table", table)
                .text("created_at", sql.createdAtName())
                .list(Node::of);
        Map<String, List<Node>> children = new HashMap<>();
        Optional<Node> root = Optional.empty();
        for (Node node : nodes) {
            if (node.parent().isPresent()) {
                children.computeIfAbsent(node.parent().get(), id -> new ArrayList<>())
                        .add(node);
            } else {
                root = Optional.of(node);
            }
        }
        return root.map(node -> assemble(node, children));
    }

    private static PartitionTree assemble(Node node, Map<String, List<Node>> children) {
        PartitionTree alone = node.alone();
        List<PartitionTree> below = children.getOrDefault(node.id(), List.of()).stream()
                .map(child -> assemble(child, children))
                .sorted(Comparator.comparing(PartitionTree::isDefault)
                        .thenComparing(RangeBound::of, RangeBound.BY_TEXT)
                        .thenComparing(PartitionTree::name))
                .toList();
        boolean isParent = alone.key().isPresent();
        return new PartitionTree(
                alone.schema(),
                alone.name(),
                alone.key(),
                alone.bound(),
                isParent
                        ? below.stream()
                                .mapToLong(child -> Math.max(child.rows(), 0))
                                .sum()
                        : alone.rows(),
                isParent ? below.stream().mapToLong(PartitionTree::bytes).sum() : alone.bytes(),
                below);
    }

    boolean isDefault() {
        return bound.filter(DEFAULT::equals).isPresent();
    }

    String quoted() {
        return Identifiers.qualified(schema, name);
    }

    /** Returns the partitions as hosts see them. */
    List<PartitionStatus.Partition> status() {
        return partitions.stream()
                .map(partition -> {
                    Optional<RangeBound> range = key.filter(Key::endsWithTime).flatMap(it -> RangeBound.of(partition));
                    return new PartitionStatus.Partition(
                            partition.name(),
                            range.flatMap(RangeBound::lower),
                            range.flatMap(RangeBound::upper),
                            partition.rows(),
                            partition.bound().orElse(""),
                            partition.bytes(),
                            partition.key().map(Key::definition),
                            partition.status());
                })
                .toList();
    }
}
