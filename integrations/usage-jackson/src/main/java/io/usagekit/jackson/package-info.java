/**
 * The JSON form of figures for the host's own Jackson mapper: a module for 2.x and one for 3.x.
 *
 * <table>
 * <caption>JSON forms</caption>
 * <tr><th>type</th><th>JSON form</th><th>is read back</th></tr>
 * <tr><td>{@link io.usagekit.UsageResult}</td><td>{@link io.usagekit.format.UsageResponseFormatter#toMap(io.usagekit.UsageResult)} of the
 *     module's formatter</td><td>no: its period is a label without a zone</td></tr>
 * <tr><td>{@link io.usagekit.UsageResults}</td><td>{@code {"results": [...], "failures": [...]}}: each result and each failure as the
 *     same formatter prints it by itself</td><td>no</td></tr>
 * <tr><td>{@link io.usagekit.format.UsageError}</td>
 *     <td>{@link io.usagekit.format.UsageResponseFormatter#toMap(io.usagekit.format.UsageError)} of the same formatter</td><td>no</td></tr>
 * <tr><td>{@link io.usagekit.OrganisationUsage}</td><td>as of a result with
 *     {@link io.usagekit.format.UsageResponseFormatter#plain()}</td><td>no</td></tr>
 * <tr><td>{@link io.usagekit.UsageMetrics}</td><td>{@code {"volume": 100, "bytes": 1024}}</td><td>yes; both members are
 *     required</td></tr>
 * <tr><td>{@link io.usagekit.UsagePeriod}</td><td>its {@link io.usagekit.UsagePeriod#canonicalLabel()}, also as the key of a map</td>
 *     <td>yes, by {@link io.usagekit.UsagePeriod#parse(String)}</td></tr>
 * <tr><td>{@link io.usagekit.UsageKey}</td><td>{@code {"organisation_id": "org-123", "period": "2026-03"}} with the canonical
 *     label</td><td>yes; both members are required</td></tr>
 * <tr><td>{@link io.usagekit.WarmResult}</td><td>{@code {"fresh": 1, "computed": 2, "failures": {"org-123": "overloaded"}}}: the codes of
 *     {@link io.usagekit.format.UsageError}</td><td>no</td></tr>
 * </table>
 */
@NullMarked
package io.usagekit.jackson;

import org.jspecify.annotations.NullMarked;
