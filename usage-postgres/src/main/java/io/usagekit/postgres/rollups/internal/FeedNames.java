package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.Identifiers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What stands for the feed's tables and triggers in statements of the roll-ups. */
public final class FeedNames {

    /** Suffix of the roll-ups' schema in the name of the feed's. */
    static final String SCHEMA_SUFFIX = "_feed";

    /** The fragments with which a statement of a figure leaves days to the store. */
    public static final Map<String, String> LEAVING_SHIPPED = Map.of(
            "shipped-relations", "{shipped-of-window}",
            "shipped-columns", "{shipped-columns-of-window}",
            "rolled-part", "part",
            "requested-of-window", "{requested-unshipped}");

    /** The fragments with which the statement of a series leaves days to the store. */
    public static final Map<String, String> LEAVING_SHIPPED_OF_SLICES = Map.of(
            "shipped-relations", "{shipped-of-slices}",
            "shipped-columns", "{shipped-columns-of-project}",
            "shipped-join", "{join-shipped-project}",
            "rolled-slices", "unshipped_part",
            "rolled-projects", "whole",
            "divided-days", "{days-divided-within-an-hour}");

    /** Version of the feed's tables and triggers; raised with each change to them. */
    private static final int VERSION = 4;

    private static final List<String> TRIGGERS = List.of("insert", "delete", "update_old", "update_new", "truncate");

    private FeedNames() {}

    /** Returns what stands for the names in statements, by the roll-ups' schema. */
    public static Map<String, String> of(String rollups) {
        String feed = schema(rollups);
        Map<String, String> names = new HashMap<>();
        names.put("feed", Identifiers.quote(feed));
        names.put("feed.version", Integer.toString(VERSION));
        names.put("feed.sequence", Identifiers.literal(Identifiers.qualified(feed, "version")));
        names.put("feed.name", Identifiers.literal(feed));
        names.put("feed.from", "timestamptz '0001-01-01 00:00:00+00'");
        names.put("feed.before", "timestamptz '10000-01-01 00:00:00+00'");
        names.put("feed.state", Identifiers.literal(Identifiers.qualified(feed, "state")));
        names.put("feed.relations", "array[" + oid(rollups, "rollup") + ", " + oid(rollups, "retained") + "]");
        names.put(
                "feed.triggers",
                "array(select t.xmin from pg_catalog.pg_trigger t where t.tgrelid = any (" + names.get("feed.relations")
                        + ") and t.tgname in ("
                        + Identifiers.literals(
                                TRIGGERS.stream().map(FeedNames::triggerName).toList())
                        + ") order by t.tgrelid, t.tgname)");
        TRIGGERS.forEach(trigger -> names.put("feed." + trigger, Identifiers.quote(triggerName(trigger))));
        names.put("shipped-relations", "");
        names.put("shipped-columns", "");
        names.put("shipped-join", "");
        names.put("rolled-slices", "part");
        names.put("rolled-projects", "project");
        names.put("divided-days", "");
        names.put("rolled-part", "project");
        names.putAll(omittingMissing(false));
        return names;
    }

    /** Returns what says whether projects are left out of which retention has kept sums, and which the projects don't have any more. */
    public static Map<String, String> omittingMissing(boolean omits) {
        return Map.of("feed.omits_missing", Boolean.toString(omits));
    }

    /** Returns the name of the feed's schema, by that of the roll-ups. */
    static String schema(String rollups) {
        return rollups + SCHEMA_SUFFIX;
    }

    /** Returns the statements that drop the feed's triggers from a table, qualified and quoted, if it has them. */
    public static String dropTriggers(String table) {
        return TRIGGERS.stream()
                .map(trigger -> "drop trigger if exists " + Identifiers.quote(triggerName(trigger)) + " on " + table)
                .collect(Collectors.joining(";\n"));
    }

    private static String triggerName(String trigger) {
        return "usagekit_feed_" + trigger;
    }

    private static String oid(String schema, String table) {
        return Identifiers.literal(Identifiers.qualified(schema, table)) + "::pg_catalog.regclass::oid";
    }
}
