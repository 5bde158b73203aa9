// The program `brigade`: one parser, one command, one exit code.
#pragma once

namespace brigade::cli {

int run(int argc, char** argv);

}  // namespace brigade::cli
