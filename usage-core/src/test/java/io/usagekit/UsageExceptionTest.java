package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class UsageExceptionTest {

    @Test
    void isTransientUnlessSaidOtherwise() {
        Exception cause = new Exception();
        assertThat(List.of(
                        new UsageCalculationException("", null),
                        new UsageCacheException("", cause),
                        new UsageStorageException("", cause),
                        new UsageOverloadedException("", null),
                        new UsageUnavailableException("", cause)))
                .allMatch(UsageException::isTransient);
        assertThat(List.of(
                        UsageCalculationException.permanent("", null),
                        UsageCacheException.permanent("", cause),
                        UsageStorageException.permanent("", cause)))
                .noneMatch(UsageException::isTransient);
    }

    @Test
    void isAsTransientAsTheUsageExceptionThatCausedIt() {
        UsageException wrongPassword = UsageCacheException.permanent("WRONGPASS", null);
        assertThat(new UsageUnavailableException("not computed", wrongPassword).isTransient())
                .isFalse();
        assertThat(new UsageStorageException("not installed", new UsageCalculationException("", null)).isTransient())
                .isTrue();
    }
}
