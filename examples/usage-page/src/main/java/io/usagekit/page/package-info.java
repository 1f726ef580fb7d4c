/**
 * A page that shows an organisation what it has used: totals, days, projects, and the events behind them. {@link
 * io.usagekit.page.UsagePage} renders it; {@link io.usagekit.page.UsagePageHandler} serves it with the JDK's HTTP server.
 */
@NullMarked
package io.usagekit.page;

import org.jspecify.annotations.NullMarked;
