# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public kit asks of every module's documentation, for the modules about packages."""

from __future__ import annotations

from jetpack_core.modules.packages.apk import Apk
from jetpack_core.modules.packages.apt import Apt
from jetpack_core.modules.packages.apt_repository import AptRepository
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.dnf_repository import DnfRepository
from jetpack_core.modules.packages.homebrew import Homebrew
from jetpack_core.modules.packages.package import Package
from jetpack_core.modules.packages.pacman import Pacman
from jetpack_core.modules.packages.pip import Pip
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.testing.modules import ModuleConformance


class TestApk(ModuleConformance):
    module = Apk


class TestApt(ModuleConformance):
    module = Apt


class TestAptRepository(ModuleConformance):
    module = AptRepository


class TestDnf(ModuleConformance):
    module = Dnf


class TestDnfRepository(ModuleConformance):
    module = DnfRepository


class TestHomebrew(ModuleConformance):
    module = Homebrew


class TestPackage(ModuleConformance):
    module = Package


class TestPacman(ModuleConformance):
    module = Pacman


class TestPip(ModuleConformance):
    module = Pip


class TestZypper(ModuleConformance):
    module = Zypper
