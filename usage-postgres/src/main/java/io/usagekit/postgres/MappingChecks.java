package io.usagekit.postgres;

import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** What a mapping is checked for before anything is connected to. */
final class MappingChecks {

    private MappingChecks() {}

    /** Rejects columns and statuses that don't fit together, as {@link TableMapping.Builder#build} says. */
    static void check(
            Map<MappingName, String> names,
            List<String> payload,
            Map<String, String> payloadStoredBytes,
            Set<String> deliveredStatuses,
            boolean keepsDeletedProjects) {
        if (payload.isEmpty() && !names.containsKey(MappingName.STORED_BYTES)) {
            throw new IllegalArgumentException("payload must name at least one column where storedBytes names none");
        }
        if (new LinkedHashSet<>(payload).size() < payload.size()) {
            throw new IllegalArgumentException("payload must name each column once, but was " + payload);
        }
        if (!payloadStoredBytes.isEmpty() && names.containsKey(MappingName.STORED_BYTES)) {
            throw new IllegalArgumentException(
                    "storedBytes must name either a whole size or those of payload columns, but was \""
                            + names.get(MappingName.STORED_BYTES) + "\" and " + payloadStoredBytes);
        }
        if (!payload.containsAll(payloadStoredBytes.keySet())
                || new LinkedHashSet<>(payloadStoredBytes.values()).size() < payloadStoredBytes.size()) {
            throw new IllegalArgumentException("storedBytes must name one column for each of some payload columns ("
                    + payload + "), but was " + payloadStoredBytes);
        }
        if (deliveredStatuses.isEmpty()) {
            throw new IllegalArgumentException("deliveredStatuses must name at least one status");
        }
        checkKept(names, keepsDeletedProjects);
        checkMark(names, MappingName.PROJECT_DELETED_AT, MappingName.PROJECT_ID, MappingName.PROJECT_ORGANISATION_ID);
        checkMark(
                names,
                MappingName.EVENT_DELETED_AT,
                MappingName.EVENT_ID,
                MappingName.EVENT_PROJECT_ID,
                MappingName.EVENT_CREATED_AT,
                MappingName.STORED_BYTES);
        String mark = names.getOrDefault(MappingName.EVENT_DELETED_AT, "");
        if (payload.contains(mark) || payloadStoredBytes.containsValue(mark)) {
            throw sharedMark(names, MappingName.EVENT_DELETED_AT, payload.contains(mark) ? "payload" : "storedBytes");
        }
    }

    /** Rejects a mapping that keeps deleted projects without the marks by which it is known what was deleted with them. */
    private static void checkKept(Map<MappingName, String> names, boolean keepsDeletedProjects) {
        if (keepsDeletedProjects
                && !(names.containsKey(MappingName.PROJECT_DELETED_AT)
                        && names.containsKey(MappingName.EVENT_DELETED_AT))) {
            throw new IllegalArgumentException(
                    "keepDeletedProjects needs projectDeletedAt and eventDeletedAt, which say what was deleted with a project");
        }
    }

    /** A column that is set in live rows would mark all of them as deleted. */
    private static void checkMark(Map<MappingName, String> names, MappingName mark, MappingName... others) {
        for (MappingName other : others) {
            if (names.containsKey(mark) && Objects.equals(names.get(mark), names.get(other))) {
                throw sharedMark(names, mark, other.argument);
            }
        }
    }

    private static IllegalArgumentException sharedMark(Map<MappingName, String> names, MappingName mark, String other) {
        return new IllegalArgumentException(
                mark.argument + " must name a column that is set in deleted rows only, but \"" + names.get(mark)
                        + "\" is mapped as " + other + " as well");
    }

    /** Returns the zone, if it is UTC: in another one, sums by hour and partitions would need another rule, or hours be ambiguous. */
    static ZoneId utc(ZoneId zone) {
        boolean isFixed = zone.getRules().isFixedOffset();
        if (!isFixed || !zone.normalized().equals(ZoneOffset.UTC)) {
            throw new IllegalArgumentException("timestampsIn must be UTC, but was " + zone
                    + (isFixed
                            ? ": times of another offset are supported as timestamp with time zone only"
                            : ": when its clocks are set back, an hour's times name two instants"));
        }
        return ZoneOffset.UTC;
    }
}
