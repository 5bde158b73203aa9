// The methods, one file each; registry.cpp lists them by name.
#pragma once

#include "stage_runtime/method/method.hpp"

namespace brigade::stage {

extern const Method kNesterov;
extern const Method kGpipe;
extern const Method kOneForwardOneBackward;
extern const Method kAsync;
extern const Method kPipemare;
extern const Method kPaci;
extern const Method kNesterovMuon;
extern const Method kNesterovStash;
extern const Method kPipedream;
extern const Method kTwoBuffered;

}  // namespace brigade::stage
