/** Peers measured side by side. */
@NullMarked
package io.usagekit.benchmarks;

import org.jspecify.annotations.NullMarked;
