#!/bin/sh
# What a package's files alone cannot do. Chromium takes user namespaces for its sandbox where it may, and this otherwise.
set -e
chmod 4755 '/opt/${sanitizedProductName}/chrome-sandbox'
profile='/opt/${sanitizedProductName}/resources/apparmor-profile'
# Ubuntu 24 and later allow user namespaces to programs with a profile only; older AppArmor does not understand it
if apparmor_status --enabled >/dev/null 2>&1 && apparmor_parser --skip-kernel-load --debug "$profile" >/dev/null 2>&1; then
  cp -f "$profile" '/etc/apparmor.d/${executable}'
  apparmor_parser --replace --write-cache --skip-read-cache '/etc/apparmor.d/${executable}' || true
fi
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database -q /usr/share/applications || true; fi
if command -v gtk-update-icon-cache >/dev/null 2>&1; then gtk-update-icon-cache -q -t -f /usr/share/icons/hicolor || true; fi
