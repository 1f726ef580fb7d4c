package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.PageRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Goes through pages. */
final class RowPages {

    private RowPages() {}

    /** Returns the rows of all pages; checks that each page leads back to the one before it. */
    static <T> List<T> all(Function<PageRequest, RowPage<T>> pages, PageRequest first) {
        List<T> rows = new ArrayList<>();
        RowPage<T> page = pages.apply(first);
        assertThat(page.previous()).isEmpty();
        rows.addAll(page.rows());
        for (Optional<String> next = page.next(); next.isPresent(); next = page.next()) {
            RowPage<T> before = page;
            page = pages.apply(first.at(next.get()));
            assertThat(page.rows()).isNotEmpty();
            assertThat(pages.apply(first.at(page.previous().orElseThrow())).rows())
                    .isEqualTo(before.rows());
            rows.addAll(page.rows());
        }
        return rows;
    }
}
