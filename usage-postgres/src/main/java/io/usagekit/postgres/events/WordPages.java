package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Pages of a project's events that contain the words of a text. First a few events are walked that meet the filter's other conditions: that fills
 * the page if most events contain the words. Then the index of words is asked for one stretch of time after the other, longer and
 * longer ones until the page is full, or shorter ones where a stretch has more such events than a page. For each of these events that
 * another condition rejects, one more event is walked: a page costs about twice what the better way costs.
 */
final class WordPages {

    /** How many events are walked first, at most. */
    private static final int FIRST_WALK = 6;

    /** A stretch has at most so many events with the words, or twice as many as the page. */
    private static final int FEW_EVENTS = 8;

    /** The most events that are walked at once. */
    private static final int MOST_WALKED = 20_000;

    private static final int NO_LEVEL = -1;
    private static final int LEVEL_OF_WEEKS = 7;

    /** An event in the index of words, maybe of another project. */
    private record Found(String projectId, Scan.Position position) {}

    /** Keys of events, and which of them may contain the words. */
    private record Walk(List<Scan.Position> keys, List<Scan.Position> met) {}

    private final LedgerSql sql;
    private final Connection connection;
    private final CallDeadline deadline;
    private final String projectId;
    private final EventFilter filter;
    private final String text;
    private final Optional<Set<String>> endpointIds;
    /** The conditions of the filter, but for those of endpoints and words. */
    private final LedgerFilter others;
    /** The level at which the scan before this one found events; that is followed by one for a single event in the other direction. */
    private int levelBefore = NO_LEVEL;

    WordPages(
            LedgerSql sql,
            Connection connection,
            CallDeadline deadline,
            String projectId,
            EventFilter filter,
            String text,
            Optional<Set<String>> endpointIds) {
        this.sql = sql;
        this.connection = connection;
        this.deadline = deadline;
        this.projectId = projectId;
        this.filter = filter;
        this.text = text;
        this.endpointIds = endpointIds;
        others = LedgerFilter.of(filter);
    }

    /** Reads the first events of a scan; fewer if those of them already have {@link io.usagekit.events.PageRequest#MAX_OCTETS}. */
    List<Event> read(Scan scan) throws SQLException {
        return new Reading(scan).events();
    }

    private Walk walkBeyond(Scan part) throws SQLException {
        if (endpointIds.isPresent()) {
            EndpointPages endpoints =
                    new EndpointPages(sql, connection, deadline, projectId, filter, endpointIds.get());
            List<Scan.Position> keys = new EndpointKeys(endpoints::keys, endpointIds.get(), part).next(part.limit());
            return new Walk(keys, keys);
        }
        return walkProject(part);
    }

    private Walk walkProject(Scan part) throws SQLException {
        deadline.limit(connection);
        List<Scan.Position> keys = new ArrayList<>();
        List<Scan.Position> met = new ArrayList<>();
        sql.call(connection, LedgerStatement.WALK_EVENTS_FOR_WORDS, others, part)
                .text("project_id", projectId)
                .text("text", text)
                .forEach(row -> {
                    Scan.Position key = new Scan.Position(row.instant("created_at"), row.text("id"));
                    keys.add(key);
                    if (row.flag("is_met")) {
                        met.add(key);
                    }
                });
        return new Walk(keys, met);
    }

    private long firstSecond() {
        return filter.window().from().map(SearchBlocks::second).orElse(0L);
    }

    private long secondAfterLast() {
        return filter.window()
                .before()
                .map(before -> SearchBlocks.second(before) + 1)
                .orElse(SearchBlocks.SECONDS);
    }

    /** What has been read of a scan. */
    private final class Reading {

        private final Scan scan;
        private final boolean isAscending;
        private final EventsOfKeys page;

        /** All events up to here have been found. */
        private Optional<Scan.Position> done;
        /** Where the next stretch begins, in seconds: its first one if ascending, or else the one after its last one. */
        private long edge;

        private int nextWalk;
        private long walked;
        /** Events with the words that don't meet the other conditions. */
        private long rejected;

        private boolean isWalkDue = true;
        private int level = NO_LEVEL;
        private int most;
        /** Stretches of this level are too long as far as {@link #tooLongUpTo}. */
        private int tooLong = Integer.MAX_VALUE;

        private long tooLongUpTo;
        private boolean isEndLookedUp;
        private long end;

        Reading(Scan scan) {
            this.scan = scan;
            isAscending = scan.order() == EventOrder.ASCENDING;
            page = new EventsOfKeys(sql, connection, deadline, projectId, scan);
            done = scan.beyond();
            most = mostAtFirst();
            end = isAscending ? secondAfterLast() : firstSecond();
            nextWalk = Math.max(Math.min(FIRST_WALK, 1 + scan.limit()), leastWalked());
        }

        /** As many as a walk has endpoints to look up, where those are many. */
        private int leastWalked() {
            int endpoints = endpointIds.map(Set::size).orElse(0);
            return endpoints > EndpointPages.FEW_ENDPOINTS ? endpoints : 0;
        }

        private int mostAtFirst() {
            return Math.max(FEW_EVENTS, 2 * scan.limit());
        }

        List<Event> events() throws SQLException {
            boolean goesOn = true;
            while (goesOn) {
                goesOn = (isWalkDue || rejected > walked) ? walk() : searchStretch();
            }
            return page.events();
        }

        /** Walks some events that meet the other conditions; returns whether the page isn't full and there are more. */
        private boolean walk() throws SQLException {
            Walk walk = walkBeyond(new Scan(scan.order(), done, nextWalk));
            page.lookUp(walk.met(), endpointIds.isPresent() ? others.eachContaining(text) : others);
            if (page.isFull() || walk.keys().size() < nextWalk) {
                return false;
            }
            walked += nextWalk;
            isWalkDue = 2 * walk.met().size() >= nextWalk && endpointIds.isEmpty();
            nextWalk = Math.min(isWalkDue ? 2 * page.missing() : 2 * nextWalk, MOST_WALKED);
            Scan.Position last = walk.keys().get(walk.keys().size() - 1);
            done = Optional.of(last);
            edge = SearchBlocks.second(last.createdAt()) + (isAscending ? 0 : 1);
            if (level == NO_LEVEL && levelBefore != NO_LEVEL) {
                level = Math.max(0, levelBefore - 1);
            } else if (level == NO_LEVEL) {
                long first = SearchBlocks.second(walk.keys().get(0).createdAt());
                level = SearchBlocks.levelOf(SearchBlocks.length(1) * (1 + Math.abs(edge - first)));
            }
            return true;
        }

        /** Looks up the events with the words of the next stretch of time; returns whether the page isn't full and there may be more. */
        private boolean searchStretch() throws SQLException {
            long last = end();
            level = Math.min(level, SearchBlocks.levelOf(Math.abs(edge - last)));
            long length = SearchBlocks.length(level);
            long far = isAscending ? (edge / length + 1) * length : (edge - 1) / length * length;
            List<Found> found = find(far);
            if (found.size() > most) {
                shorten(far);
                return true;
            }
            List<Scan.Position> keys = found.stream()
                    .filter(event -> event.projectId().equals(projectId) && isAhead(event.position()))
                    .map(Found::position)
                    .sorted(isAscending ? Comparator.naturalOrder() : Comparator.reverseOrder())
                    .toList();
            long rejectedBefore = page.rejected();
            if (!keys.isEmpty()) {
                levelBefore = level;
            }
            page.lookUp(keys, endpointIds.map(others::eachDeliveredTo).orElse(others));
            rejected += page.rejected() - rejectedBefore;
            if (page.isFull() || !isBefore(far, last)) {
                return false;
            }
            edge = far;
            done = Optional.of(new Scan.Position(Instant.ofEpochSecond(far), ""));
            most = mostAtFirst();
            if (!isBefore(far, tooLongUpTo)) {
                tooLong = Integer.MAX_VALUE;
            }
            if (4 * found.size() <= most && level + 1 < tooLong) {
                level++;
            }
            return true;
        }

        /** Where the last stretch ends: with the filter's window, or, looked up before a stretch of weeks, with the last event. */
        private long end() throws SQLException {
            if (level >= LEVEL_OF_WEEKS && !isEndLookedUp) {
                isEndLookedUp = true;
                Walk last = walkProject(new Scan(scan.order().reversed(), Optional.empty(), 1));
                end = last.keys().stream()
                        .map(key -> SearchBlocks.second(key.createdAt()) + (isAscending ? 1 : 0))
                        .findFirst()
                        .orElse(end);
            }
            return end;
        }

        /** After a stretch that has too many events with the words: takes a shorter one; if there is none, more of them, and walks. */
        private void shorten(long far) {
            if (level > 0) {
                tooLong = level;
                tooLongUpTo = far;
                level--;
            } else {
                most = Math.min(8 * most, MOST_WALKED);
                isWalkDue = true;
            }
        }

        /** In scan direction. */
        private boolean isBefore(long second, long other) {
            return isAscending ? second < other : second > other;
        }

        /** From an earlier second than the edge, if that takes eight blocks at most rather than some of each length. */
        private List<Found> find(long far) throws SQLException {
            long block = SearchBlocks.length(Math.max(level - 1, 0));
            long from = isAscending ? edge / block * block : far;
            long before = isAscending ? far : (edge + block - 1) / block * block;
            deadline.limit(connection);
            return sql.call(connection, LedgerStatement.FIND_WORDS)
                    .text("project_id", projectId)
                    .text("text", text)
                    .numbers("blocks", SearchBlocks.between(from, before))
                    .number("limit", most + 1)
                    .list(row -> new Found(
                            row.text("project_id"), new Scan.Position(row.instant("created_at"), row.text("id"))));
        }

        /** Whether an event may be on this page: after what is done, and in the filter's window, but for parts of a second. */
        private boolean isAhead(Scan.Position position) {
            long second = SearchBlocks.second(position.createdAt());
            int compared = position.compareTo(done.orElseThrow());
            return (isAscending ? compared > 0 : compared < 0) && second >= firstSecond() && second < secondAfterLast();
        }
    }
}
