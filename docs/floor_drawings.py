"""The floors as the imports make them: ``python docs/floor_drawings.py PICTURE.png [CHECKOUT]``.

Nothing here says where a room stands: it is above all that it imports. Rooms that import each other are one, in red.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from floors import CHECKOUT, FACADES, FLOORS, arrows, circles, module_files, reach, room_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

WIDTH = 9.0  # inches
_ROW, _BOX = 0.5, 0.85  # inches
_COLOURS = {"train": "#b8641a", "export": "#7a4fa3"}
_RUN_TIME, _GREY, _RED = "#1668b0", "#9aa7b5", "#c8402f"
_SWEEPS = 8
Node = tuple[int, str]  # height, and name: of a room, or of an arrow on its way past others


def draw_floors() -> Figure:
    """The rooms of :data:`FLOORS`, each with the number of its files."""
    names = {number: ", ".join(rooms) if number == 0 else rooms[0] for number, rooms in enumerate(FLOORS)}
    graph = arrows(module_files())
    return _draw({module: names[room_of(module)[0]] for module in graph.keys() - FACADES}, graph)


def draw_folders(checkout: Path) -> Figure:
    """Rooms as the folders of a checkout show them: a folder, or a file that stands beside them."""
    graph = arrows(module_files(checkout))
    rooms = {}
    for module in graph.keys() - FACADES:
        parts = module.split(".")
        rooms[module] = ".".join(parts[: 1 + (parts[0] == "train")])
    return _draw(rooms, graph)


def _draw(room_of_module: Mapping[str, str], graph: Mapping[str, set[str]]) -> Figure:
    """A picture of rooms; arrows that follow from others are left out."""
    rooms = _between(room_of_module, graph)
    found = {f"circle {number} of {len(circle)} rooms:": circle for number, circle in enumerate(circles(rooms), 1)}
    merged = {room: name for name, circle in found.items() for room in circle}
    room_of_module = {module: merged.get(room, room) for module, room in room_of_module.items()}
    rooms = _between(room_of_module, graph)
    heights = _heights(rooms)
    sizes = dict.fromkeys(rooms, 0)
    for room in room_of_module.values():
        sizes[room] += 1
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    places = _arranged(heights, _without_what_follows(rooms), axes)
    rows = Counter(height for height, _ in places)
    figure.set_size_inches(max(WIDTH, _BOX * max(rows.values())), _ROW * len(rows))
    for room, height in heights.items():
        colour = _RED if room in found else _COLOURS.get(room.partition(".")[0], _RUN_TIME)
        text = f"{room.replace('train.', '')}  {sizes[room]}"
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": colour}
        style = {"fontsize": 9, "color": colour, "bbox": box, "zorder": 4 if room in found else 3}
        axes.text(places[height, room], height, text, ha="center", va="center", **style)
    axes.set_ylim(-0.5, max(heights.values()) + 0.5)
    axes.set_axis_off()
    return figure


def _between(room_of_module: Mapping[str, str], graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {room: set() for room in sorted(room_of_module.values())}
    for module, room in room_of_module.items():
        rooms[room] |= {room_of_module[other] for other in graph[module] & room_of_module.keys()} - {room}
    return rooms


def _heights(rooms: Mapping[str, set[str]]) -> dict[str, int]:
    heights: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in heights:
            heights[room] = 1 + max(map(height, rooms[room]), default=-1)
        return heights[room]

    for room in rooms:
        height(room)
    return heights


def _without_what_follows(rooms: Mapping[str, set[str]]) -> dict[str, set[str]]:
    return {
        room: {other for other in others if not any(other in reach(rooms, third) for third in others)}
        for room, others in rooms.items()
    }


def _arranged(heights: Mapping[str, int], rooms: Mapping[str, set[str]], axes: Axes) -> dict[Node, float]:
    """Draw the arrows, past the rooms between their ends; where the rooms of every height stand, -0.5 to 0.5."""
    ways: list[list[Node]] = []
    for room, others in rooms.items():
        for other in sorted(others):
            between = range(heights[room] - 1, heights[other], -1)
            ways.append(
                [(heights[room], room), *((up, f"{room} > {other}") for up in between), (heights[other], other)]
            )
    rows: dict[int, list[Node]] = {}
    for node in sorted({(height, room) for room, height in heights.items()} | {node for way in ways for node in way}):
        rows.setdefault(node[0], []).append(node)
    near: dict[Node, list[Node]] = {node: [] for row in rows.values() for node in row}
    for way in ways:
        for above, below in pairwise(way):
            near[above].append(below)
            near[below].append(above)
    places = _spread(rows)
    for sweep in range(_SWEEPS):
        for height in sorted(rows, reverse=bool(sweep % 2)):
            rows[height].sort(key=lambda node: fmean([places[other] for other in near[node]] or [places[node]]))
            places = _spread(rows)
    for way in ways:
        points = [(places[node], float(node[0])) for node in way]
        codes, corners = [Curve.MOVETO], [points[0]]
        for (x, y), (next_x, next_y) in pairwise(points):
            corners += [(x, y - 0.5), (next_x, next_y + 0.5), (next_x, next_y)]
            codes += [Curve.CURVE4] * 3
        axes.add_patch(PathPatch(Curve(corners, codes), facecolor="none", edgecolor=_GREY, linewidth=1.0))
    axes.set_xlim(-0.5, 0.5)
    return places


def _spread(rows: Mapping[int, Sequence[Node]]) -> dict[Node, float]:
    return {node: (i + 0.5) / len(row) - 0.5 for row in rows.values() for i, node in enumerate(row)}


if __name__ == "__main__":
    draw_folders(Path(sys.argv[2]) if len(sys.argv) > 2 else CHECKOUT).savefig(sys.argv[1], dpi=80, facecolor="white")
