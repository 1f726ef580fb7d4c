package io.usagekit;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Objects;

/**
 * A window of time {@code [start, end)}: the start belongs to it, the end doesn't, so that consecutive periods neither share
 * an instant nor leave one out.
 *
 * <p>Instants are truncated to microseconds, which is what PostgreSQL stores. Without a zone the calendar is that of UTC;
 * never the JVM's or the database session's. A window is at most {@value #MAX_DAYS} days long, calendar days of its zone where it
 * is made of dates: such a window is an hour longer where the zone changes its clocks in between. Both its ends
 * lie in the years 1 to 9999. Whatever is out of bounds is an {@link IllegalArgumentException} that names the argument, its value and the bound.
 *
 * <p>Two periods are equal when their windows are. The label, the zone and what {@link #next()} returns say what the window is
 * called and which calendar it comes from; they aren't part of equality. Immutable.
 *
 * @since 0.1
 */
public final class UsagePeriod {

    /** The longest window in days: of 24 hours between two instants, calendar days between two dates. */
    public static final int MAX_DAYS = 366;

    private static final Duration LONGEST = Duration.ofDays(MAX_DAYS);
    /** No window of {@value #MAX_DAYS} calendar days is longer: offsets of zones lie between -18 and +18 hours. */
    private static final Duration LONGEST_OF_DATES = LONGEST.plusHours(36);

    private static final Instant EARLIEST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999Z");

    private final Instant start;
    private final Instant end;
    private final String label;
    private final Calendar calendar;
    /** Computed once: every near-cache lookup needs it. */
    private final int hash;

    private UsagePeriod(Instant start, Instant end, String label, Calendar calendar) {
        this.start = start;
        this.end = end;
        this.label = label;
        this.calendar = calendar;
        this.hash = 31 * start.hashCode() + end.hashCode();
    }

    /** The sequence of consecutive periods that a period belongs to, and its place in it. */
    private sealed interface Calendar {
        ZoneId zone();

        /** Returns the period so many places later. */
        UsagePeriod plus(int places);
    }

    private record Years(Year year, ZoneId zone) implements Calendar {
        @Override
        public UsagePeriod plus(int places) {
            return UsagePeriod.year(year.plusYears(places), zone);
        }
    }

    private record Months(YearMonth month, ZoneId zone) implements Calendar {
        @Override
        public UsagePeriod plus(int places) {
            return UsagePeriod.month(month.plusMonths(places), zone);
        }
    }

    private record Cycles(YearMonth startsIn, int anchorDay, ZoneId zone) implements Calendar {
        @Override
        public UsagePeriod plus(int places) {
            return billingCycle(startsIn.plusMonths(places), anchorDay, zone);
        }
    }

    private record Days(LocalDate day, ZoneId zone) implements Calendar {
        @Override
        public UsagePeriod plus(int places) {
            LocalDate other = day.plusDays(places);
            while (isSkipped(other, other.plusDays(1), zone)) {
                other = other.plusDays(places);
            }
            return UsagePeriod.day(other, zone);
        }
    }

    private record Dates(LocalDate first, LocalDate next, ZoneId zone) implements Calendar {
        @Override
        public UsagePeriod plus(int places) {
            long days = places * ChronoUnit.DAYS.between(first, next);
            LocalDate from = first.plusDays(days);
            while (isSkipped(from, from.plusDays(Math.abs(days)), zone)) {
                from = from.plusDays(days);
            }
            return dates(from, from.plusDays(Math.abs(days)), zone);
        }
    }

    /** Whether no instant bears these dates: a zone that moved across the date line had a day less. */
    private static boolean isSkipped(LocalDate first, LocalDate next, ZoneId zone) {
        return first.atStartOfDay(zone)
                .toInstant()
                .equals(next.atStartOfDay(zone).toInstant());
    }

    private record Instants(Instant start, Instant end) implements Calendar {
        @Override
        public ZoneId zone() {
            return ZoneOffset.UTC;
        }

        @Override
        public UsagePeriod plus(int places) {
            Duration distance = Duration.between(start, end).multipliedBy(places);
            return canonical(start.plus(distance), end.plus(distance));
        }
    }

    /** A calendar year in UTC, labelled {@code 2026-01-01/2027-01-01}. */
    public static UsagePeriod year(Year year) {
        return year(year, ZoneOffset.UTC);
    }

    /**
     * A calendar year in a zone, labelled {@code 2026-01-01/2027-01-01}; an hour longer or shorter where the zone's offset differs
     * between its ends.
     */
    public static UsagePeriod year(Year year, ZoneId zone) {
        checkYear("year", year.getValue(), year);
        LocalDate first = year.atDay(1);
        LocalDate next = first.plusYears(1);
        return ofDates("year", first, next, first + "/" + next, new Years(year, zone));
    }

    /** A calendar month in UTC, labelled {@code 2026-03}. */
    public static UsagePeriod month(YearMonth month) {
        return month(month, ZoneOffset.UTC);
    }

    /** A calendar month in a zone, labelled {@code 2026-03}. */
    public static UsagePeriod month(YearMonth month, ZoneId zone) {
        checkYear("month", month.getYear(), month);
        return ofDates(
                "month", month.atDay(1), month.plusMonths(1).atDay(1), month.toString(), new Months(month, zone));
    }

    /** A calendar day in UTC, labelled {@code 2026-03-17}. */
    public static UsagePeriod day(LocalDate day) {
        return day(day, ZoneOffset.UTC);
    }

    /** A calendar day in a zone, 23 to 25 hours long where clocks change, labelled {@code 2026-03-17}. */
    public static UsagePeriod day(LocalDate day, ZoneId zone) {
        checkYear("day", day.getYear(), day);
        return ofDates("day", day, day.plusDays(1), day.toString(), new Days(day, zone));
    }

    /** The calendar month in a zone that the clock's present instant belongs to. */
    public static UsagePeriod current(ZoneId zone, InstantSource clock) {
        return monthContaining(clock.instant(), zone);
    }

    /** The calendar month in a zone that an instant belongs to. */
    public static UsagePeriod monthContaining(Instant instant, ZoneId zone) {
        checkRange("instant", instant);
        return containing(instant, month(YearMonth.from(LocalDate.ofInstant(instant, zone)), zone));
    }

    /** The calendar year in a zone that an instant belongs to. */
    public static UsagePeriod yearContaining(Instant instant, ZoneId zone) {
        checkRange("instant", instant);
        return containing(instant, year(Year.from(LocalDate.ofInstant(instant, zone)), zone));
    }

    /** The calendar day in a zone that an instant belongs to. */
    public static UsagePeriod dayContaining(Instant instant, ZoneId zone) {
        checkRange("instant", instant);
        return containing(instant, day(LocalDate.ofInstant(instant, zone), zone));
    }

    /** By instants, not dates: where clocks go back over a midnight, an hour of the new day bears the old date. */
    private static UsagePeriod containing(Instant instant, UsagePeriod near) {
        UsagePeriod period = near;
        while (!period.contains(instant)) {
            period = instant.isBefore(period.start) ? period.previous() : period.next();
        }
        return period;
    }

    /** The billing cycle that starts in a month, in UTC: see {@link #billingCycle(YearMonth, int, ZoneId)}. */
    public static UsagePeriod billingCycle(YearMonth startsIn, int anchorDay) {
        return billingCycle(startsIn, anchorDay, ZoneOffset.UTC);
    }

    /**
     * The billing cycle that starts in a month: from its anchor day to the next month's, labelled
     * {@code 2026-01-31/2026-02-28}.
     *
     * @param startsIn the month in which the cycle starts
     * @param anchorDay the day of the month on which cycles start, 1 to 31; in a month that lacks it, the month's last day
     * @param zone its midnights begin the days
     */
    public static UsagePeriod billingCycle(YearMonth startsIn, int anchorDay, ZoneId zone) {
        checkYear("startsIn", startsIn.getYear(), startsIn);
        LocalDate first = anchored(startsIn, anchorDay);
        LocalDate next = anchored(startsIn.plusMonths(1), anchorDay);
        return ofDates("startsIn", first, next, first + "/" + next, new Cycles(startsIn, anchorDay, zone));
    }

    /** The billing cycle that an instant belongs to; parameters as in {@link #billingCycle(YearMonth, int, ZoneId)}. */
    public static UsagePeriod billingCycleContaining(Instant instant, int anchorDay, ZoneId zone) {
        checkRange("instant", instant);
        // By instants, not dates: where clocks go back over a midnight, an hour of the new day bears the old date.
        YearMonth month = YearMonth.from(LocalDate.ofInstant(instant, zone)).plusMonths(1);
        while (anchored(month, anchorDay).atStartOfDay(zone).toInstant().isAfter(instant)) {
            month = month.minusMonths(1);
        }
        return billingCycle(month, anchorDay, zone);
    }

    /**
     * Any window, labelled {@code 2026-03-01T00:00:00Z/2026-03-09T12:30:00Z}.
     *
     * @param start the first instant of it, truncated to microseconds
     * @param end the first instant after it, truncated to microseconds; after {@code start}, at most {@value #MAX_DAYS} days
     */
    public static UsagePeriod between(Instant start, Instant end) {
        return ofInstants(start, end, LONGEST);
    }

    /** The window of two instants, which may be what dates of some zone make: what {@link #canonicalLabel} names. */
    static UsagePeriod canonical(Instant start, Instant end) {
        return ofInstants(start, end, LONGEST_OF_DATES);
    }

    private static UsagePeriod ofInstants(Instant start, Instant end, Duration longest) {
        Instant from = truncate("start", start);
        Instant to = truncate("end", end);
        if (Duration.between(from, to).compareTo(longest) > 0) {
            throw tooLong(Duration.between(from, to).toString(), from, to);
        }
        return of(from, to, from + "/" + to, new Instants(from, to));
    }

    /** {@link #parse(String, ZoneId)} in UTC. */
    public static UsagePeriod parse(String text) {
        return parse(text, ZoneOffset.UTC);
    }

    /**
     * Reads a month {@code 2026-03}, a day {@code 2026-03-17}, or {@code start/end} of two dates or two instants with offset.
     * In UTC it also reads every {@link #canonicalLabel()} back as an equal period.
     *
     * @param zone the calendar of months, days and dates; instants have their own offset
     * @throws IllegalArgumentException if it is none of these, or out of bounds
     */
    public static UsagePeriod parse(String text, ZoneId zone) {
        Objects.requireNonNull(text, "text");
        Objects.requireNonNull(zone, "zone");
        return PeriodText.parse(text, zone);
    }

    /** The days from one date to another, which doesn't belong to them. */
    static UsagePeriod dates(LocalDate first, LocalDate next, ZoneId zone) {
        return ofDates("period", first, next, first + "/" + next, new Dates(first, next, zone));
    }

    private static LocalDate anchored(YearMonth month, int anchorDay) {
        if (anchorDay < 1 || anchorDay > 31) {
            throw new IllegalArgumentException("anchorDay must be 1 to 31, but was " + anchorDay);
        }
        return month.atDay(Math.min(anchorDay, month.lengthOfMonth()));
    }

    private static UsagePeriod ofDates(
            String argument, LocalDate first, LocalDate next, String label, Calendar calendar) {
        Instant start = first.atStartOfDay(calendar.zone()).toInstant();
        Instant end = next.atStartOfDay(calendar.zone()).toInstant();
        checkRange(argument, start);
        checkRange(argument, end);
        if (first.isBefore(next) && start.equals(end)) {
            throw new IllegalArgumentException(emptyWindow(start, end) + ": " + calendar.zone() + " skipped "
                    + (next.equals(first.plusDays(1)) ? first : first + "/" + next)
                    + " when it moved across the date line");
        }
        long days = ChronoUnit.DAYS.between(first, next);
        if (days > MAX_DAYS) {
            throw tooLong(days + " days", start, end);
        }
        return of(start, end, label, calendar);
    }

    private static UsagePeriod of(Instant start, Instant end, String label, Calendar calendar) {
        if (!start.isBefore(end)) {
            throw new IllegalArgumentException(emptyWindow(start, end));
        }
        return new UsagePeriod(start, end, label, calendar);
    }

    private static String emptyWindow(Instant start, Instant end) {
        return "start must be before end by at least 1 microsecond, but was " + start + " with end " + end;
    }

    private static IllegalArgumentException tooLong(String length, Instant start, Instant end) {
        return new IllegalArgumentException(
                "period must be at most " + MAX_DAYS + " days long, but was " + length + ": " + start + "/" + end);
    }

    private static Instant truncate(String argument, Instant instant) {
        checkRange(argument, instant);
        return instant.truncatedTo(ChronoUnit.MICROS);
    }

    /** Before any arithmetic, which would leave the years that java.time has. */
    private static void checkYear(String argument, int year, Object value) {
        if (year < 1 || year > 9999) {
            throw outOfRange(argument, value);
        }
    }

    private static void checkRange(String argument, Instant instant) {
        if (instant.isBefore(EARLIEST) || instant.isAfter(LATEST)) {
            throw outOfRange(argument, instant);
        }
    }

    private static IllegalArgumentException outOfRange(String argument, Object value) {
        return new IllegalArgumentException(
                argument + " must lie between " + EARLIEST + " and " + LATEST + ", but was " + value);
    }

    /** The first instant of the window; whole microseconds. */
    public Instant start() {
        return start;
    }

    /** The first instant after the window; whole microseconds. */
    public Instant end() {
        return end;
    }

    /** Label of the window, for example in a response; not unique: the zone isn't part of it. */
    public String label() {
        return label;
    }

    /** The zone of the calendar that the period comes from; UTC for a window between two instants. */
    public ZoneId zone() {
        return calendar.zone();
    }

    /**
     * The period after this one, which begins where this one ends: the next month, day or billing cycle of the same zone; after an
     * interval of dates as many days, after a window between two instants one of the same length.
     *
     * @throws IllegalArgumentException if it would end after the year 9999
     */
    public UsagePeriod next() {
        return calendar.plus(1);
    }

    /**
     * The period before this one, which ends where this one begins; otherwise as {@link #next()}.
     *
     * @throws IllegalArgumentException if it would begin before the year 1
     */
    public UsagePeriod previous() {
        return calendar.plus(-1);
    }

    /** Whether an instant lies in the window {@code [start, end)}. */
    public boolean contains(Instant instant) {
        return !instant.isBefore(start) && instant.isBefore(end);
    }

    /** Whether the other period isn't only equal, but has the same label, zone, and neighbours. */
    @SuppressWarnings("ReferenceEquality") // only to be quick: a hit in memory comes by here
    boolean isNamedAs(UsagePeriod other) {
        return this == other || (label.equals(other.label) && calendar.equals(other.calendar));
    }

    /** Bean form of {@link #start()}: a mapper without {@code usage-jackson} prints the whole window, not an empty object. */
    public Instant getStart() {
        return start;
    }

    /** Bean form of {@link #end()}. */
    public Instant getEnd() {
        return end;
    }

    /** Bean form of {@link #label()}. */
    public String getLabel() {
        return label;
    }

    /** Bean form of {@link #zone()}. */
    public ZoneId getZone() {
        return zone();
    }

    /**
     * The name of the window itself: the same for equal periods, different for different ones, whatever they are labelled and
     * whichever rules a process has for a zone. A month of UTC is {@code 2026-03}, a day of UTC {@code 2026-03-17}, any other
     * window {@code 20260228T183000Z/20260331T183000Z}.
     */
    public String canonicalLabel() {
        // A hit in Redis needs the name, which would be eight objects.
        boolean isLabel =
                calendar.zone().equals(ZoneOffset.UTC) && (calendar instanceof Months || calendar instanceof Days);
        return isLabel ? label : PeriodText.canonicalLabel(start, end);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UsagePeriod that && start.equals(that.start) && end.equals(that.end);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    /** {@link #canonicalLabel()}. */
    @Override
    public String toString() {
        return canonicalLabel();
    }
}
