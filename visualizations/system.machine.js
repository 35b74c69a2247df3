import { createMachine } from 'xstate'

export const systemMachine = createMachine({
  "id": "system",
  "initial": "running",
  "entry": [
    {
      "type": "spawnExporters"
    }
  ],
  "on": {
    "config.change": [
      {
        "actions": [
          {
            "type": "refuseBusy"
          }
        ]
      }
    ]
  },
  "states": {
    "running": {
      "initial": "idle",
      "on": {
        "exporters.flush": [
          {
            "actions": [
              {
                "type": "relayFlush"
              }
            ]
          }
        ],
        "exporter.restart": [
          {
            "actions": [
              {
                "type": "relayRestart"
              }
            ]
          }
        ],
        "breaker.command": [
          {
            "actions": [
              {
                "type": "relayBreakerCommand"
              }
            ]
          }
        ],
        "exporter.stopped": [
          {
            "actions": [
              {
                "type": "removeStopped"
              },
              {
                "type": "noteAnswer"
              }
            ]
          }
        ],
        "xstate.error.actor.*": [
          {
            "actions": [
              {
                "type": "respawnCrashed"
              }
            ]
          }
        ],
        "system.stop": [
          {
            "target": "stopping"
          }
        ]
      },
      "states": {
        "idle": {
          "on": {
            "config.change": [
              {
                "target": "preparing"
              }
            ],
            "exporters.add": [
              {
                "actions": [
                  {
                    "type": "spawnExporters"
                  }
                ]
              }
            ]
          }
        },
        "preparing": {
          "entry": [
            {
              "type": "spawnExporters"
            },
            {
              "type": "beginTransaction"
            },
            {
              "type": "askPrepare"
            }
          ],
          "on": {
            "config.prepared": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ],
            "config.refused": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteRefusal"
                  },
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ],
            "xstate.error.actor.*": [
              {
                "guard": {
                  "type": "isPreparing"
                },
                "actions": [
                  {
                    "type": "noteRefusal"
                  },
                  {
                    "type": "noteAnswer"
                  },
                  {
                    "type": "respawnCrashed"
                  }
                ]
              },
              {
                "guard": {
                  "type": "isOfThisLife"
                },
                "actions": [
                  {
                    "type": "respawnCrashed"
                  },
                  {
                    "type": "askPrepareAgain"
                  }
                ]
              }
            ]
          },
          "always": [
            {
              "target": "settling.committing",
              "guard": {
                "type": "allPrepared"
              }
            },
            {
              "target": "settling.aborting",
              "guard": {
                "type": "someRefused"
              }
            }
          ]
        },
        "settling": {
          "initial": "committing",
          "exit": [
            {
              "type": "announceSettled"
            },
            {
              "type": "endTransaction"
            }
          ],
          "on": {
            "config.acknowledged": [
              {
                "guard": {
                  "type": "isAwaited"
                },
                "actions": [
                  {
                    "type": "noteAnswer"
                  }
                ]
              }
            ]
          },
          "after": {
            "settleDeadline": [
              {
                "target": "idle"
              }
            ]
          },
          "always": [
            {
              "target": "idle",
              "guard": {
                "type": "allAnswered"
              }
            }
          ],
          "states": {
            "committing": {
              "entry": [
                {
                  "type": "fitEndpoints"
                },
                {
                  "type": "commitAll"
                },
                {
                  "type": "stopSurplus"
                }
              ],
              "on": {
                "xstate.error.actor.*": [
                  {
                    "actions": [
                      {
                        "type": "commitCrashed"
                      },
                      {
                        "type": "noteAnswer"
                      },
                      {
                        "type": "respawnCrashed"
                      }
                    ]
                  }
                ]
              }
            },
            "aborting": {
              "entry": [
                {
                  "type": "abortAll"
                }
              ],
              "on": {
                "xstate.error.actor.*": [
                  {
                    "actions": [
                      {
                        "type": "abortCrashed"
                      },
                      {
                        "type": "noteAnswer"
                      },
                      {
                        "type": "respawnCrashed"
                      }
                    ]
                  }
                ]
              }
            }
          }
        }
      }
    },
    "stopping": {
      "initial": "telling",
      "entry": [
        {
          "type": "planStop"
        }
      ],
      "exit": [
        {
          "type": "planClearing"
        }
      ],
      "on": {
        "xstate.done.actor.*": [
          {
            "actions": [
              {
                "type": "noteAnswer"
              }
            ]
          }
        ],
        "xstate.error.actor.*": [
          {
            "actions": [
              {
                "type": "abandonCrashed"
              },
              {
                "type": "noteAnswer"
              }
            ]
          }
        ]
      },
      "after": {
        "stopDeadline": [
          {
            "target": "clearing"
          }
        ]
      },
      "states": {
        "telling": {
          "entry": [
            {
              "type": "stopSome"
            }
          ],
          "always": [
            {
              "target": "draining",
              "guard": {
                "type": "noneRemain"
              }
            },
            {
              "target": "yielding"
            }
          ]
        },
        "yielding": {
          "invoke": [
            {
              "src": "yield",
              "onDone": [
                {
                  "target": "telling"
                }
              ]
            }
          ]
        },
        "draining": {
          "always": [
            {
              "target": "#system.clearing",
              "guard": {
                "type": "allAnswered"
              }
            }
          ]
        }
      }
    },
    "clearing": {
      "initial": "stopping",
      "on": {
        "xstate.error.actor.*": [
          {
            "actions": [
              {
                "type": "abandonCrashed"
              }
            ]
          }
        ]
      },
      "states": {
        "stopping": {
          "entry": [
            {
              "type": "clearSome"
            }
          ],
          "always": [
            {
              "target": "#system.stopped",
              "guard": {
                "type": "noneRemain"
              }
            },
            {
              "target": "yielding"
            }
          ]
        },
        "yielding": {
          "invoke": [
            {
              "src": "yield",
              "onDone": [
                {
                  "target": "stopping"
                }
              ]
            }
          ]
        }
      }
    },
    "stopped": {
      "type": "final"
    }
  }
})
