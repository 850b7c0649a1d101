import { assert, constantFrom, array, property, string } from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { parseContainerfile } from "../../provider/model/containerfile.ts";

function problem(text: string): string {
  try {
    parseContainerfile(text);
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "input") return describeFailure(thrown);
    throw thrown;
  }
  return "";
}

function outline(text: string): readonly string[] {
  return parseContainerfile(text).instructions.map(({ line, keyword, flags, words, heredocs }) => {
    const shown = flags.map(({ name, value }) => ` --${name}${value === undefined ? "" : `=${value}`}`).join("");
    const documents = heredocs.map(({ name, content }) => ` ${name}:${JSON.stringify(content)}`).join("");
    return `${line} ${keyword}${shown} ${words.map((word) => `<${word.text}>`).join("")}${documents}`;
  });
}

test.each<[string, string, readonly string[]]>([
  ["joins continuations, leaving comments and empty lines out", "FROM a\nRUN b \\\n# no\n  # no\n\n  c\n", ["1 FROM <a>", "2 RUN <b><c>"]],
  ["does not go on after two escapes", "FROM a\nRUN b \\\\\nCMD c\n", ["1 FROM <a>", "2 RUN <b><\\\\>", "3 CMD <c>"]],
  ["goes on after blanks behind the escape", "FROM a\nRUN b \\ \t\n c", ["1 FROM <a>", "2 RUN <b><c>"]],
  ["reads an escape directive", "# escape=`\nFROM a\nRUN c:\\ `\n d\n", ["2 FROM <a>", "3 RUN <c:\\><d>"]],
  ["takes a directive below a comment for a comment", "# x\n# escape=`\nFROM a\nRUN b \\\n c\n", ["3 FROM <a>", "4 RUN <b><c>"]],
  ["knows no case", "from a as B\ncopy --from=B x y\n", ["1 FROM <a><as><B>", "2 COPY --from=B <x><y>"]],
  ["reads carriage returns as line ends", "FROM a\r\nRUN b \\\r\n c\r\n", ["1 FROM <a>", "2 RUN <b><c>"]],
  ["reads a byte order mark", "\ufeffFROM a\n", ["1 FROM <a>"]],
  ["reads JSON lists", 'FROM a\nCOPY ["b c", "d"]\nRUN ["e", "f g"]\n', ["1 FROM <a>", "2 COPY <b c><d>", "3 RUN <e><f g>"]],
  ["takes broken JSON for words", "FROM a\nRUN [ -f x ]\n", ["1 FROM <a>", "2 RUN <[><-f><x><]>"]],
  ["reads flags, with quotes", 'FROM a\nCOPY --from="b" --link -- c d\n', ["1 FROM <a>", "2 COPY --from=b --link <c><d>"]],
  [
    "reads a heredoc",
    "FROM a\nRUN <<EOF\n# kept\nb \\\nEOF\nCMD c\n",
    ["1 FROM <a>", '2 RUN <<<EOF> EOF:"# kept\\nb \\\\\\n"', "6 CMD <c>"],
  ],
  ["reads several heredocs", "FROM a\nCOPY <<A <<B /d/\n1\nA\n2\nB\n", ["1 FROM <a>", '2 COPY <<<A><<<B></d/> A:"1\\n" B:"2\\n"']],
  ["strips tabs for <<-", "FROM a\nRUN <<-E\n\t\tb\n\tE\n", ["1 FROM <a>", '2 RUN <<<-E> E:"b\\n"']],
  ["reads quoted names", "FROM a\nRUN cat <<'E' > f\n$x\nE\n", ["1 FROM <a>", "2 RUN <cat><<<'E'><>><f> E:\"$x\\n\""]],
  ["takes << inside quotes for text", 'FROM a\nRUN echo "<<EOF"\n', ["1 FROM <a>", '2 RUN <echo><"<<EOF">']],
  ["reads a heredoc of ONBUILD", "FROM a\nONBUILD RUN <<E\nb\nE\n", ["1 FROM <a>", '2 ONBUILD <RUN><<<E> E:"b\\n"']],
])("%s", (_, text, expected) => {
  expect(outline(text)).toEqual(expected);
});

test.each([
  ["FROM a\nRUNN b\n", 'Containerfile line 2: unknown instruction "RUNN"; did you mean RUN?\nfix: correct line 2 of Containerfile.'],
  ["FROM a\n\nCOYP b c\n", 'Containerfile line 3: unknown instruction "COYP"; did you mean COPY?\nfix: correct line 3 of Containerfile.'],
  [
    "FROM a\necho b\n",
    'Containerfile line 2: unknown instruction "echo"; use one of ADD, ARG, CMD, COPY, ENTRYPOINT, ENV, EXPOSE, FROM, HEALTHCHECK, LABEL, ONBUILD, RUN, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR\nfix: correct line 2 of Containerfile.',
  ],
  ["", "Containerfile line 1: there is no FROM, so there is nothing to build\nfix: begin with FROM and the image to build on."],
  ["RUN a\nFROM b\n", "Containerfile line 1: RUN stands before the first FROM; only ARG may\nfix: correct line 1 of Containerfile."],
  ["FROM a b\n", 'Containerfile line 1: FROM takes an image, or an image AS a name; it has "a b"\nfix: correct line 1 of Containerfile.'],
  [
    "FROM a AS 1b\n",
    'Containerfile line 1: "1b" cannot name a stage; a letter, then letters, digits, "-", "_" and "." can\nfix: correct line 1 of Containerfile.',
  ],
  [
    "FROM a\nCOPY b\n",
    'Containerfile line 2: COPY needs at least one source and a destination; it has "b"\nfix: correct line 2 of Containerfile.',
  ],
  [
    "FROM a\nCOPY b <<EOF\n",
    "Containerfile line 2: COPY cannot write to a heredoc; its last word must be a path\nfix: correct line 2 of Containerfile.",
  ],
  [
    "FROM a\nCOPY --form=x b c\n",
    "Containerfile line 2: COPY has no flag --form; did you mean --from?\nfix: correct line 2 of Containerfile.",
  ],
  ["FROM a\nCOPY --from b c\n", "Containerfile line 2: --from has no value; write --from=...\nfix: correct line 2 of Containerfile."],
  [
    "FROM a\nRUN <<EOF\nb\n",
    'Containerfile line 2: the heredoc "EOF" is never ended; a line that says only EOF ends it\nfix: correct line 2 of Containerfile.',
  ],
  [
    "# escape=x\nFROM a\n",
    'Containerfile line 1: the escape character is "x"; only \\ and ` are accepted\nfix: correct line 1 of Containerfile.',
  ],
  [
    "# escape=`\n# escape=`\nFROM a\n",
    'Containerfile line 2: the directive "escape" stands here a second time; once is accepted\nfix: correct line 2 of Containerfile.',
  ],
  ["FROM a\nENV b\n", "Containerfile line 2: ENV b has no value; write ENV b=value\nfix: correct line 2 of Containerfile."],
  [
    "FROM a\nENV b=c d\n",
    'Containerfile line 2: ENV takes name=value pairs, and "d" is none; a value with blanks needs quotes\nfix: correct line 2 of Containerfile.',
  ],
  ["FROM a\nARG =b\n", 'Containerfile line 2: ARG has a value without a name: "=b"\nfix: correct line 2 of Containerfile.'],
  ["FROM a\nWORKDIR\n", "Containerfile line 2: WORKDIR has no argument\nfix: correct line 2 of Containerfile."],
  [
    "FROM a\nSHELL sh\n",
    'Containerfile line 2: SHELL takes a JSON list, as ["/bin/sh", "-c"]; it has sh\nfix: correct line 2 of Containerfile.',
  ],
  ["FROM a\nCOPY [1, 2]\n", "Containerfile line 2: COPY: a JSON list must hold strings only\nfix: correct line 2 of Containerfile."],
  ["FROM a\nONBUILD FROM b\n", "Containerfile line 2: ONBUILD cannot hold back FROM\nfix: correct line 2 of Containerfile."],
])("says what is wrong with %j", (text, expected) => {
  expect(problem(text)).toBe(expected);
});

test("never ends in anything but a reading or a Failure of kind input", () => {
  const atoms = constantFrom(
    "FROM a\n",
    "RUN ",
    "COPY ",
    "<<E ",
    "\nE\n",
    '"',
    "'",
    "\\",
    "\\\n",
    "\n",
    "# c\n",
    "--from=",
    "[",
    "$",
    "${",
    "# escape=`\n",
    "ONBUILD ",
  );
  assert(
    property(array(atoms), string(), (parts, tail) => {
      expect(typeof problem(parts.join("") + tail)).toBe("string");
    }),
    { numRuns: 2000 },
  );
});
