"""Dresses the application: QPalette and one stylesheet from the same colours, over the Fusion style.

What Cutaway paints itself asks `colors(widget)`; the stylesheet is for Qt's own widgets. It gives no widget an
accent-coloured background, because `colors` reads light or dark from the widget's window colour.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from app.theme.palette import DARK, LIGHT, Palette, mix
from app.theme.type import font

PICTURES = Path(__file__).resolve().parents[2] / "resources" / "icons"
_ROLES = ("text", "muted", "accent", "danger", "warning", "ok", "validation_text", "focused")


def apply(app: QApplication, palette: Palette) -> None:
    """Dresses every widget that exists and every one to come; widgets hear of it by QEvent.PaletteChange."""
    if app.style().name() != "fusion":
        app.setStyle("Fusion")
    app.setFont(font(13))
    app.setPalette(_qpalette(palette))
    app.setStyleSheet(_stylesheet(palette))


def choose(app: QApplication, theme: str) -> Palette:
    """theme: "light", "dark", or "system" for what the desktop wears now."""
    if theme == "system":
        return DARK if app.styleHints().colorScheme().name == "Dark" else LIGHT
    return DARK if theme == "dark" else LIGHT


def _qpalette(p: Palette) -> QPalette:
    role = QPalette.ColorRole
    pairs = {
        role.Window: p.background,
        role.WindowText: p.text,
        role.Base: p.surface,
        role.AlternateBase: p.raised,
        role.Text: p.text,
        role.Button: p.raised,
        role.ButtonText: p.text,
        role.BrightText: p.danger,
        role.Highlight: p.accent,
        role.HighlightedText: p.on_accent,
        role.ToolTipBase: p.raised,
        role.ToolTipText: p.text,
        role.PlaceholderText: p.muted,
        role.Link: p.accent,
        role.LinkVisited: p.accent,
        role.Light: p.surface,
        role.Midlight: p.hairline,
        role.Mid: p.border,
        role.Dark: p.border,
        role.Shadow: p.background,
        role.Accent: p.accent,
    }
    made = QPalette()
    for key, value in pairs.items():
        made.setColor(key, QColor(value))
    faded = mix(p.text, p.surface, 0.45)
    for key in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, key, faded)
    return made


def _stylesheet(p: Palette) -> str:
    faded = mix(p.text, p.surface, 0.45).name()
    selection = mix(p.accent, p.surface, 0.30).name()
    labels = "\n".join(f'QLabel[role="{role}"] {{ color: {getattr(p, role)}; }}' for role in _ROLES)
    return f"""
{labels}
QLabel:disabled {{ color: {faded}; }}
QToolTip {{ background: {p.raised}; color: {p.text}; border: 1px solid {p.border}; padding: 5px 8px; }}
QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox {{
    background: {p.surface}; color: {p.text}; border: 1px solid {p.border}; border-radius: 6px;
    selection-background-color: {selection}; selection-color: {p.text};
}}
QLineEdit, QAbstractSpinBox {{ min-height: 28px; padding: 0 9px; }}
QPlainTextEdit, QTextEdit {{ padding: 6px 8px; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus {{ border: 2px solid {p.accent}; }}
QLineEdit:focus, QAbstractSpinBox:focus {{ padding: 0 8px; min-height: 26px; }}
QPlainTextEdit:focus, QTextEdit:focus {{ padding: 5px 7px; }}
QLineEdit:disabled, QPlainTextEdit:disabled, QAbstractSpinBox:disabled {{
    color: {faded}; border-color: {p.hairline};
}}
QAbstractSpinBox {{ padding: 0; max-height: 28px; }}
QAbstractSpinBox:focus {{ padding: 0; max-height: 26px; }}
QLineEdit[bare="true"], QPlainTextEdit[bare="true"], QTextEdit[bare="true"] {{
    border: none; background: transparent; padding: 0;
}}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 18px; border: none; background: transparent; }}
QAbstractSpinBox::up-arrow {{ image: url({_picture("caret-up", p)}); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url({_picture("caret-down", p)}); width: 10px; height: 10px; }}
QCheckBox, QRadioButton {{ spacing: 8px; min-height: 22px; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {faded}; }}
QCheckBox::indicator, QRadioButton::indicator {{
    width: 14px; height: 14px; border: 1px solid {p.border}; background: {p.surface};
}}
QCheckBox::indicator {{ border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:checked {{
    background: {p.accent}; border-color: {p.accent}; image: url({_picture("check", p)});
}}
QRadioButton::indicator:checked {{ border: 5px solid {p.accent}; width: 6px; height: 6px; }}
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border-color: {p.accent}; }}
QMenu {{ background: {p.surface}; border: 1px solid {p.border}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: {p.soft_accent}; color: {p.text}; }}
QMenu::item:disabled {{ color: {faded}; }}
QMenu::separator {{ height: 1px; background: {p.hairline}; margin: 4px 8px; }}
QAbstractItemView {{
    background: {p.surface}; alternate-background-color: {p.surface}; color: {p.text}; border: none; outline: none;
    gridline-color: {p.hairline}; selection-background-color: {p.soft_accent}; selection-color: {p.text};
}}
QComboBox QAbstractItemView {{ border: 1px solid {p.border}; }}
QAbstractItemView::item:hover {{ background: {mix(p.raised, p.surface, 0.6).name()}; }}
QAbstractItemView::item:selected {{ background: {p.soft_accent}; color: {p.text}; }}
QTableView::item, QTreeView::item {{ border: none; border-bottom: 1px solid {p.hairline}; padding: 0 8px; }}
QHeaderView {{ background: {p.surface}; }}
QHeaderView::section {{
    background: {p.surface}; color: {p.muted}; border: none; border-bottom: 1px solid {p.hairline};
    padding: 4px 8px; font-size: 11px; font-weight: 400; text-align: left;
}}
QTableCornerButton::section {{ background: {p.surface}; border: none; }}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar {{ background: transparent; border: none; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {mix(p.border, p.surface, 0.55).name()}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:hover {{ background: {p.border}; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QAbstractScrollArea::corner {{ background: transparent; }}
QSplitter::handle {{ background: {p.hairline}; }}
QProgressBar {{ background: {p.raised}; border: none; border-radius: 2px; max-height: 4px; color: transparent; }}
QProgressBar::chunk {{ background: {p.accent}; border-radius: 2px; }}
QDialog {{ background: {p.surface}; }}
"""


def _picture(name: str, p: Palette) -> str:
    """The stylesheet takes pictures as files only; these three are drawn from Phosphor, one of each for each theme."""
    return (PICTURES / f"{name}-{p.name}.png").as_posix()
