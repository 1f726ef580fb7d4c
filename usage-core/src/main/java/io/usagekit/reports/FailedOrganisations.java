package io.usagekit.reports;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsagePeriod;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/** The organisations that had no figure when those of all were computed. */
final class FailedOrganisations implements BiConsumer<String, UsageCalculationException> {

    private static final int MOST_KEPT = 100;
    private static final int MOST_QUOTED = 100;

    private final List<UsageCalculationException> kept = new ArrayList<>();
    private long count;

    @Override
    public void accept(String organisationId, UsageCalculationException why) {
        count++;
        if (kept.size() < MOST_KEPT) {
            kept.add(new UsageCalculationException(
                    "the organisation \"" + quotable(organisationId) + "\" has no figure: " + why.getMessage(), why));
        }
    }

    private static String quotable(String id) {
        String shortened = id.length() <= MOST_QUOTED ? id : id.substring(0, MOST_QUOTED) + "...";
        return shortened.replaceAll("\\p{Cc}", "?");
    }

    /**
     * Throws if there was one.
     *
     * @param computed how many others had a figure
     */
    void throwIfAny(UsagePeriod period, long computed) {
        if (count > 0) {
            UsageCalculationException all = UsageCalculationException.permanent(
                    count + " of " + (count + computed) + " organisations have no figure of " + period
                            + "; the others have been computed. "
                            + kept.get(0).getMessage(),
                    kept.get(0));
            kept.stream().skip(1).forEach(all::addSuppressed);
            throw all;
        }
    }
}
