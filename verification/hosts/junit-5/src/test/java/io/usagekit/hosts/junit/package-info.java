/** Tests of a host with the JUnit of its choice. */
@NullMarked
package io.usagekit.hosts.junit;

import org.jspecify.annotations.NullMarked;
