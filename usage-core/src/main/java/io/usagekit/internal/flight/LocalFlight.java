package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.SingleFlight.Landing;
import io.usagekit.SingleFlight.Origin;
import org.jspecify.annotations.Nullable;

/**
 * A flight that shares nothing with other processes: look once more, compute, keep.
 *
 * <p>The second look is what makes a burst one computation: a caller that found nothing, and was then held up until a flight
 * had landed, starts a flight of its own and finds what the first one kept.
 */
final class LocalFlight extends Flight {

    LocalFlight(Start start) {
        super(start);
    }

    @Override
    void begin() {
        step(() -> load().lookAgain().thenApply(found -> found.orElse(null)), this::looked);
    }

    private void looked(@Nullable AgedUsage found, @Nullable Throwable error) {
        if (found != null) {
            land(Landing.with(found, Origin.FOUND));
        } else if (!hasLanded()) {
            step(load()::compute, this::computed);
        }
    }

    private void computed(@Nullable AgedUsage figure, @Nullable Throwable error) {
        if (figure == null) {
            fail(noFigure(error));
        } else if (hasLanded()) {
            return;
        } else if (beginKeeping()) {
            this.<Void>step(() -> load().keep(figure), (done, failure) -> {
                kept();
                land(computed(figure));
            });
        } else {
            load().publicationRejected();
            land(computed(figure));
        }
    }
}
