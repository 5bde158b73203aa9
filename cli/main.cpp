#include "cli/app.hpp"

int main(int argc, char** argv) {
  return brigade::cli::run(argc, argv);
}
